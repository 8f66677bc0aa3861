// The kernels of CpuPath::kAvx512Bf16; cmake/Kernels.cmake has the flags.

#include "ddpm/kernels/vector_avx512_internal.h"
// the vectors come first: what follows is written over them
#include "ddpm/kernels/table_internal.h"

namespace ddpm {

const Kernels kKernelsAvx512Bf16 = DDPM_KERNEL_TABLE;

}  // namespace ddpm
