// Which instructions the kernels use.

#pragma once

#include <span>
#include <string>
#include <vector>

namespace ddpm {

// Each needs what the ones before it need, and more.
enum class CpuPath {
  kPortable,    // what every CPU has that this program was compiled for
  kAvx2,        // AVX2 and FMA
  kAvx512,      // AVX-512 F, BW, DQ and VL
  kAvx512Bf16,  // and the products of bfloat16 pairs
};

inline constexpr CpuPath kAllCpuPaths[] = {CpuPath::kPortable, CpuPath::kAvx2, CpuPath::kAvx512,
                                           CpuPath::kAvx512Bf16};

const char* name_of(CpuPath path);  // "avx512_bf16"

// What this machine and this build have, the slowest first; never empty.
std::vector<CpuPath> available_cpu_paths();

// Throws InvalidArgument unless `path` is one of `available`: its instructions would end the
// process.
void check_cpu_path(CpuPath path, std::span<const CpuPath> available);

// The last of them.
CpuPath fastest_cpu_path();

// fastest_cpu_path, or the one that the environment variable DDPM_CPU names. Throws
// InvalidArgument for a name that is none, and for a path that is not available here.
CpuPath choose_cpu_path();

// The same with the variable's value given; "" for none.
CpuPath choose_cpu_path(const std::string& wanted);

}  // namespace ddpm
