#include "ddpm/diffusion/objective.h"

#include <gtest/gtest.h>

#include <vector>

#include "ddpm/base/check.h"
#include "ddpm/diffusion/prediction.h"
#include "ddpm/diffusion/process.h"
#include "ddpm/diffusion/schedule_kinds.h"
#include "ddpm/random/stream.h"

namespace ddpm {

// If all images are one point c, x_t tells its noise: eps = (x_t - signal c) / sigma.
TEST(SimpleLoss, IsZeroForThePerfectPredictor) {
  const Schedule schedule = linear_schedule(1000);
  const std::vector<float> x0(100, 0.25F);
  std::vector<float> eps(x0.size());
  fill_normal({.seed = 1, .purpose = Purpose::kTest, .index = 0}, eps);
  for (const Prediction prediction : all_predictions()) {
    for (const int64_t t : {50, 500, 1000}) {
      const NoiseLevel level = schedule.level(t);
      std::vector<float> x_t(x0.size());
      std::vector<float> target(x0.size());
      std::vector<float> output(x0.size());
      mix(level, x0, eps, x_t);
      training_target(prediction, schedule, t, x0, eps, target);
      const TargetWeights weights = target_weights(prediction, schedule, t);
      for (size_t i = 0; i < output.size(); ++i) {
        const double known_eps = (x_t[i] - level.signal * 0.25) / level.sigma;
        output[i] = static_cast<float>(weights.x0 * 0.25 + weights.eps * known_eps);
      }
      // x_t is rounded to float32, an error below 4e-7 that 1 / sigma, at most 7.4, enlarges.
      EXPECT_LT(simple_loss(target, output), 1e-11) << to_string(prediction) << ' ' << t;
    }
  }
}

TEST(SimpleLoss, IsTheMeanSquareOfTheError) {
  const std::vector<float> target = {1.0F, 2.0F, -1.0F, 0.0F};
  const std::vector<float> output = {1.0F, 0.0F, 0.0F, 3.0F};
  EXPECT_DOUBLE_EQ(simple_loss(target, output), (0.0 + 4.0 + 1.0 + 9.0) / 4.0);
}

TEST(SimpleLoss, RejectsArraysThatDoNotMatch) {
  const std::vector<float> two(2);
  const std::vector<float> three(3);
  EXPECT_THROW(simple_loss(two, three), InvalidArgument);
  EXPECT_THROW(simple_loss({}, {}), InvalidArgument);
}

}  // namespace ddpm
