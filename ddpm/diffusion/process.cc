#include "ddpm/diffusion/process.h"

#include <cmath>
#include <vector>

#include "ddpm/base/check.h"

namespace ddpm {

namespace {

// out = a_weight * a + b_weight * b, in float64 and rounded once.
struct Combination {
  double a_weight;
  double b_weight;
};

void combine(Combination weights, std::span<const float> a, std::span<const float> b,
             std::span<float> out) {
  for (size_t i = 0; i < out.size(); ++i) {
    out[i] = static_cast<float>(weights.a_weight * a[i] + weights.b_weight * b[i]);
  }
}

// Combines each image with the weights of its own time; `weights_at` throws for a bad time, and all
// times are looked at before the first value is written.
template <typename WeightsAt>
void combine_images(const char* who, WeightsAt weights_at, ConstBatchView a, ConstBatchView b,
                    std::span<const int64_t> t, BatchView out) {
  DDPM_CHECK(a.shape() == b.shape() && a.shape() == out.shape(), who,
             ": the three shapes must be equal, got ", a.shape(), ", ", b.shape(), " and ",
             out.shape());
  DDPM_CHECK(std::ssize(t) == a.images(), who, ": t must have one entry an image, ", a.images(),
             ", got ", t.size());
  std::vector<Combination> weights;
  for (const int64_t time : t) weights.push_back(weights_at(time));
  for (int64_t i = 0; i < a.images(); ++i) {
    combine(weights[static_cast<size_t>(i)], a.image(i), b.image(i), out.image(i));
  }
}

}  // namespace

void mix(NoiseLevel level, std::span<const float> x0, std::span<const float> eps,
         std::span<float> x_t) {
  DDPM_CHECK(x0.size() == eps.size() && x0.size() == x_t.size(),
             "mix: the three sizes must be equal, got ", x0.size(), ", ", eps.size(), " and ",
             x_t.size());
  combine({level.signal, level.sigma}, x0, eps, x_t);  // [DDPM] eq. 4
}

void q_sample(const Schedule& schedule, ConstBatchView x0, std::span<const int64_t> t,
              ConstBatchView eps, BatchView x_t) {
  const auto weights_at = [&](int64_t time) {
    const NoiseLevel level = schedule.level(time);
    return Combination{level.signal, level.sigma};  // [DDPM] eq. 4
  };
  combine_images("q_sample", weights_at, x0, eps, t, x_t);
}

void q_step(const Schedule& schedule, ConstBatchView x_before, std::span<const int64_t> t,
            ConstBatchView z, BatchView x_t) {
  const auto weights_at = [&](int64_t time) {
    const double beta = schedule.beta(time);
    return Combination{std::sqrt(1.0 - beta), std::sqrt(beta)};  // [DDPM] eq. 2
  };
  combine_images("q_step", weights_at, x_before, z, t, x_t);
}

void q_posterior_mean(const Schedule& schedule, ConstBatchView x0, ConstBatchView x_t,
                      std::span<const int64_t> t, BatchView mean) {
  const auto weights_at = [&](int64_t time) {
    const Posterior posterior = schedule.posterior(time);
    return Combination{posterior.x0_weight, posterior.xt_weight};  // [DDPM] eq. 6, 7
  };
  combine_images("q_posterior_mean", weights_at, x0, x_t, t, mean);
}

}  // namespace ddpm
