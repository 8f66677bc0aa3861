#include "ddpm/base/process_memory.h"

#include <fstream>
#include <string>

namespace ddpm {

namespace {

// The number of kilobytes behind `name` in a file of lines "name:   123 kB", or 0.
int64_t kilobytes(const char* file, const std::string& name) {
  std::ifstream in(file);
  std::string word;
  while (in >> word) {
    int64_t value = 0;
    if (word == name && in >> value) return value;
  }
  return 0;
}

constexpr int64_t kKilobyte = 1024;

}  // namespace

int64_t resident_bytes() { return kilobytes("/proc/self/status", "VmRSS:") * kKilobyte; }

int64_t peak_memory_bytes() { return kilobytes("/proc/self/status", "VmHWM:") * kKilobyte; }

void reset_peak_memory() {
  std::ofstream out("/proc/self/clear_refs");
  out << "5\n";
}

}  // namespace ddpm
