#include "ddpm/base/cores.h"

#include <sched.h>

#include <algorithm>
#include <cerrno>
#include <cmath>
#include <memory>
#include <thread>

#include "ddpm/base/control_groups.h"

namespace ddpm {

namespace {

// The kernel refuses a mask that is smaller than its own.
int64_t cores_of_affinity() {
  constexpr int kLargestMask = 1 << 20;
  for (int cores = CPU_SETSIZE; cores <= kLargestMask; cores *= 2) {
    const std::unique_ptr<cpu_set_t, void (*)(cpu_set_t*)> mask(
        CPU_ALLOC(static_cast<size_t>(cores)), [](cpu_set_t* set) { CPU_FREE(set); });
    if (mask == nullptr) break;
    const size_t bytes = CPU_ALLOC_SIZE(static_cast<size_t>(cores));
    CPU_ZERO_S(bytes, mask.get());
    if (::sched_getaffinity(0, bytes, mask.get()) == 0) return CPU_COUNT_S(bytes, mask.get());
    if (errno != EINVAL) break;
  }
  return std::thread::hardware_concurrency();
}

}  // namespace

int64_t usable_cores(const std::filesystem::path& root) {
  const int64_t cores = std::max<int64_t>(1, cores_of_affinity());
  const auto quota = cpu_quota(root);
  if (!quota || *quota >= static_cast<double>(cores)) return cores;
  return std::max<int64_t>(1, static_cast<int64_t>(std::ceil(*quota)));
}

}  // namespace ddpm
