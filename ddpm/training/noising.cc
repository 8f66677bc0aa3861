#include "ddpm/training/noising.h"

#include <vector>

#include "ddpm/diffusion/process.h"
#include "ddpm/random/stream.h"

namespace ddpm {

void noise_sample(const Schedule& schedule, Prediction prediction, uint64_t seed, int64_t sample,
                  int64_t t, std::span<const float> x0, std::span<float> x_t,
                  std::span<float> target) {
  std::vector<float> eps(x0.size());
  fill_normal({seed, Purpose::kTrainingNoise, static_cast<uint64_t>(sample)}, eps);
  mix(schedule.level(t), x0, eps, x_t);
  training_target(prediction, schedule, t, x0, eps, target);
}

}  // namespace ddpm
