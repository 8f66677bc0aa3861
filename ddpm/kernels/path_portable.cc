// The kernels of CpuPath::kPortable; cmake/Kernels.cmake has the flags.

#include "ddpm/kernels/vector_portable_internal.h"
// the vectors come first: what follows is written over them
#include "ddpm/kernels/table_internal.h"

namespace ddpm {

const Kernels kKernelsPortable = DDPM_KERNEL_TABLE;

}  // namespace ddpm
