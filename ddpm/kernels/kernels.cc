#include "ddpm/kernels/kernels.h"

#include "ddpm/kernels/paths_internal.h"

namespace ddpm {

const Kernels& kernels_of(CpuPath path) {
  check_cpu_path(path, available_cpu_paths());
#ifdef DDPM_KERNELS_X86
  switch (path) {
    case CpuPath::kAvx2:
      return kKernelsAvx2;
    case CpuPath::kAvx512:
      return kKernelsAvx512;
    case CpuPath::kAvx512Bf16:
      return kKernelsAvx512Bf16;
    case CpuPath::kPortable:
      break;
  }
#else
  static_cast<void>(path);
#endif
  return kKernelsPortable;
}

}  // namespace ddpm
