#include "ddpm/sampling/family.h"

#include <vector>

#include "ddpm/base/check.h"

namespace ddpm {

void fill_family_noise(uint64_t seed, int64_t shared, BatchView x) {
  fill_initial_noise(seed, std::vector<int64_t>(static_cast<size_t>(x.images()), shared), x);
}

NoiseSource family_noise(uint64_t seed, int64_t shared, int64_t parting_time) {
  return [noise = step_noise(seed), shared, parting_time](int64_t index, int64_t t,
                                                          std::span<float> z) {
    noise(t > parting_time ? shared : index, t, z);
  };
}

int64_t parting_of(std::span<const int64_t> times, int64_t parting_time) {
  for (const int64_t t : times) {
    if (t >= 1 && t <= parting_time) return t;
  }
  throw InvalidArgument(concat("family: wanted a parting time of at least the last time visited, ",
                               times.size() < 2 ? 1 : times[times.size() - 2], ", got ",
                               parting_time));
}

}  // namespace ddpm
