// The tables of the paths that this build has; each is in a path_*.cc.

#pragma once

#include "ddpm/kernels/kernels.h"

namespace ddpm {

extern const Kernels kKernelsPortable;
#ifdef DDPM_KERNELS_X86
extern const Kernels kKernelsAvx2;
extern const Kernels kKernelsAvx512;
extern const Kernels kKernelsAvx512Bf16;
#endif

}  // namespace ddpm
