#include "ddpm/cli/cpu_info.h"

#include <cstdlib>
#include <fstream>
#include <vector>

#include "ddpm/base/check.h"
#include "ddpm/base/cores.h"
#include "ddpm/base/text.h"
#include "ddpm/kernels/cpu_path.h"

namespace ddpm {

namespace {

std::string processor_name() {
  std::ifstream file("/proc/cpuinfo");
  for (std::string line; std::getline(file, line);) {
    const size_t colon = line.find(": ");
    if (line.starts_with("model name") && colon != std::string::npos) return line.substr(colon + 2);
  }
  return "unknown";
}

}  // namespace

std::string cpu_text() {
  const CpuPath chosen = choose_cpu_path();
  std::vector<std::string> names;
  for (const CpuPath path : available_cpu_paths()) names.emplace_back(name_of(path));
  const char* wanted = std::getenv("DDPM_CPU");
  return concat("processor         ", processor_name(), "\ncores             ", usable_cores(),
                "\nkernels           ", name_of(chosen),
                wanted == nullptr ? ", the fastest of " : ", as DDPM_CPU says, of ",
                join(names, ", "));
}

}  // namespace ddpm
