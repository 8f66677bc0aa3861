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

// Combines image i with weights_of(i), those of its own time; weights_of throws for a bad time, and
// all times are looked at before the first value is written.
template <typename WeightsOf>
void combine_images(const char* who, WeightsOf weights_of, ConstBatchView a, ConstBatchView b,
                    std::span<const int64_t> t, BatchView out) {
  DDPM_CHECK(a.shape() == b.shape() && a.shape() == out.shape(), who,
             ": the three shapes must be equal, got ", a.shape(), ", ", b.shape(), " and ",
             out.shape());
  DDPM_CHECK(std::ssize(t) == a.images(), who, ": t must have one entry an image, ", a.images(),
             ", got ", t.size());
  std::vector<Combination> weights;
  for (size_t i = 0; i < t.size(); ++i) weights.push_back(weights_of(i));
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
  const auto weights_of = [&](size_t i) {
    const NoiseLevel level = schedule.level(t[i]);
    return Combination{level.signal, level.sigma};  // [DDPM] eq. 4
  };
  combine_images("q_sample", weights_of, x0, eps, t, x_t);
}

void q_step(const Schedule& schedule, ConstBatchView x_before, std::span<const int64_t> t,
            ConstBatchView z, BatchView x_t) {
  const auto weights_of = [&](size_t i) {
    const double beta = schedule.beta(t[i]);
    return Combination{std::sqrt(1.0 - beta), std::sqrt(beta)};  // [DDPM] eq. 2
  };
  combine_images("q_step", weights_of, x_before, z, t, x_t);
}

void q_step_between(const Schedule& schedule, ConstBatchView x_s, std::span<const int64_t> s,
                    std::span<const int64_t> t, ConstBatchView z, BatchView x_t) {
  DDPM_CHECK(s.size() == t.size(), "q_step_between: s and t must be as many, got ", s.size(),
             " and ", t.size());
  const auto weights_of = [&](size_t i) {
    const Transition step = schedule.transition(s[i], t[i]);
    return Combination{step.signal, std::sqrt(step.variance)};
  };
  combine_images("q_step_between", weights_of, x_s, z, t, x_t);
}

void q_posterior_mean(const Schedule& schedule, ConstBatchView x0, ConstBatchView x_t,
                      std::span<const int64_t> t, BatchView mean) {
  const auto weights_of = [&](size_t i) {
    const Posterior posterior = schedule.posterior(t[i]);
    return Combination{posterior.x0_weight, posterior.xt_weight};  // [DDPM] eq. 6, 7
  };
  combine_images("q_posterior_mean", weights_of, x0, x_t, t, mean);
}

}  // namespace ddpm
