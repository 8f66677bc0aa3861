#include "ddpm/base/cores.h"

#include <sched.h>

#include <algorithm>
#include <thread>

namespace ddpm {

int64_t usable_cores() {
  cpu_set_t cores;
  CPU_ZERO(&cores);
  if (::sched_getaffinity(0, sizeof(cores), &cores) == 0) return CPU_COUNT(&cores);
  return std::max<int64_t>(1, std::thread::hardware_concurrency());
}

}  // namespace ddpm
