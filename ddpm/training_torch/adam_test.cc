#include "ddpm/training_torch/adam.h"

#include <ATen/Functions.h>
#include <gtest/gtest.h>

#include <cmath>

#include "ddpm/base/check.h"

namespace ddpm {
namespace {

Tensor parameter_with_gradient(double value, double gradient) {
  Tensor parameter = at::full({3}, value, at::kDouble).requires_grad_(true);
  parameter.mutable_grad() = at::full({3}, gradient, at::kDouble);
  return parameter;
}

TEST(Adam, FollowsAlgorithmOne) {
  const AdamOptions options;
  Tensor parameter = parameter_with_gradient(1.0, 0.0);
  Adam adam({parameter}, options);
  double theta = 1.0;
  double m = 0.0;
  double v = 0.0;
  for (int k = 1; k <= 20; ++k) {
    const double g = std::sin(k) * 3.0;
    parameter.mutable_grad().fill_(g);
    adam.step(0.01);
    m = options.beta1 * m + (1.0 - options.beta1) * g;
    v = options.beta2 * v + (1.0 - options.beta2) * g * g;
    const double m_hat = m / (1.0 - std::pow(options.beta1, k));
    const double v_hat = v / (1.0 - std::pow(options.beta2, k));
    theta -= 0.01 * m_hat / (std::sqrt(v_hat) + options.epsilon);
    // float64 rounding of about 20 operations an update
    ASSERT_NEAR(parameter[2].item<double>(), theta, 1e-13 * k);
  }
  EXPECT_EQ(adam.updates(), 20);
}

TEST(Adam, TheFirstUpdateIsTheLearningRateWhateverTheGradient) {
  for (const double gradient : {1e-3, 1.0, 1e3}) {
    Tensor parameter = parameter_with_gradient(0.0, gradient);
    Adam adam({parameter}, {});
    adam.step(0.1);
    // g / (|g| + epsilon) differs from 1 by epsilon / |g| <= 1e-5
    EXPECT_NEAR(parameter[0].item<double>(), -0.1, 1e-5 * 0.1 * 1.01);
  }
}

TEST(Adam, RestoredWithItsMomentsItGoesOnWithTheSameBits) {
  Tensor whole = parameter_with_gradient(1.0, 0.5);
  Adam without_pause({whole}, {});
  without_pause.step(0.01);
  const Tensor value = whole.detach().clone();
  const Tensor m = without_pause.first_moments()[0].clone();
  const Tensor v = without_pause.second_moments()[0].clone();
  whole.mutable_grad().fill_(-0.7);
  without_pause.step(0.01);

  Tensor resumed = value.clone().requires_grad_(true);
  resumed.mutable_grad() = at::full({3}, -0.7, at::kDouble);
  Adam after_pause({resumed}, {});
  after_pause.first_moments()[0].copy_(m);
  after_pause.second_moments()[0].copy_(v);
  after_pause.restore(1);
  after_pause.step(0.01);
  EXPECT_TRUE(at::equal(resumed, whole));
}

TEST(Adam, RefusesToWorkOnNothing) { EXPECT_THROW(Adam({}, {}), InvalidArgument); }

}  // namespace
}  // namespace ddpm
