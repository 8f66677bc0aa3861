#include "ddpm/jobs/threads.h"

#include <algorithm>

#include "ddpm/base/check.h"
#include "ddpm/base/text.h"

namespace ddpm {

int64_t engine_threads(int64_t asked, int64_t cores) {
  return asked > 0 ? std::min(asked, cores) : cores;
}

int64_t libtorch_threads(int64_t asked, int64_t cores) { return asked > 0 ? asked : cores; }

std::string too_many_threads_line(const std::string& command, NetworkBackend backend, int64_t asked,
                                  int64_t cores) {
  if (asked <= cores) return "";
  const std::string usable = concat(command, ": --threads ", asked, ": this process can use ",
                                    counted(cores, "core"), " (affinity mask and CPU quota)");
  if (backend == NetworkBackend::kEngine) {
    return concat(usable, "; ", counted(engine_threads(asked, cores), "thread"),
                  " will be used, with the same results");
  }
  return concat(usable, "; so many threads are slower than --threads ", cores);
}

}  // namespace ddpm
