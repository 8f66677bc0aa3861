#include "ddpm/kernels/cpu_path.h"

#include <algorithm>
#include <cstdlib>

#include "ddpm/base/check.h"
#include "ddpm/base/names.h"
#include "ddpm/base/text.h"

namespace ddpm {

namespace {

bool is_available(CpuPath path) {
#ifdef DDPM_KERNELS_X86
  switch (path) {
    case CpuPath::kPortable:
      return true;
    case CpuPath::kAvx2:
      return __builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma");
    case CpuPath::kAvx512:
      return is_available(CpuPath::kAvx2) && __builtin_cpu_supports("avx512f") &&
             __builtin_cpu_supports("avx512bw") && __builtin_cpu_supports("avx512dq") &&
             __builtin_cpu_supports("avx512vl");
    case CpuPath::kAvx512Bf16:
      return is_available(CpuPath::kAvx512) && __builtin_cpu_supports("avx512bf16");
  }
  return false;
#else
  return path == CpuPath::kPortable;
#endif
}

std::vector<std::string> names_of(const std::vector<CpuPath>& paths) {
  std::vector<std::string> names;
  for (const CpuPath path : paths) names.emplace_back(name_of(path));
  return names;
}

}  // namespace

const char* name_of(CpuPath path) {
  switch (path) {
    case CpuPath::kPortable:
      return "portable";
    case CpuPath::kAvx2:
      return "avx2";
    case CpuPath::kAvx512:
      return "avx512";
    case CpuPath::kAvx512Bf16:
      break;
  }
  return "avx512_bf16";
}

std::vector<CpuPath> available_cpu_paths() {
  std::vector<CpuPath> paths;
  for (const CpuPath path : kAllCpuPaths) {
    if (is_available(path)) paths.push_back(path);
  }
  return paths;
}

void check_cpu_path(CpuPath path, std::span<const CpuPath> available) {
  if (std::find(available.begin(), available.end(), path) != available.end()) return;
  throw InvalidArgument(concat("kernels: expected a path that this CPU has, ",
                               join(names_of({available.begin(), available.end()}), ", "), ", got ",
                               name_of(path)));
}

CpuPath fastest_cpu_path() { return available_cpu_paths().back(); }

CpuPath choose_cpu_path(const std::string& wanted) {
  if (wanted.empty()) return fastest_cpu_path();
  const std::vector<CpuPath> paths = available_cpu_paths();
  for (const CpuPath path : paths) {
    if (wanted == name_of(path)) return path;
  }
  throw InvalidArgument(concat("DDPM_CPU: expected one of ", join(names_of(paths), ", "),
                               ", which this machine has, got '", wanted, "'"));
}

CpuPath choose_cpu_path() {
  const char* wanted = std::getenv("DDPM_CPU");
  return choose_cpu_path(wanted == nullptr ? "" : wanted);
}

}  // namespace ddpm
