#include "ddpm/evaluation/progressive_coding.h"

#include <algorithm>
#include <cmath>
#include <utility>

#include "ddpm/base/check.h"
#include "ddpm/base/finite.h"
#include "ddpm/diffusion/process.h"
#include "ddpm/random/stream.h"
#include "ddpm/sampling/times.h"

namespace ddpm {

namespace {

void fill_noise(uint64_t seed, std::span<const int64_t> indices, int64_t t, BatchView noise) {
  for (size_t i = 0; i < indices.size(); ++i) {
    fill_normal(
        {seed, Purpose::kCodingNoise, static_cast<uint64_t>(indices[i]), static_cast<uint64_t>(t)},
        noise.image(static_cast<int64_t>(i)));
  }
}

// x_s by q(x_s | x_t, x_0), [DDPM] algorithm 3.
Batch next_of(const Posterior& q, ConstBatchView x0, const Batch& x_t, const Batch& noise) {
  Batch next(x_t.shape());
  const double sigma = std::sqrt(q.variance);
  const std::span<float> values = next.values();
  for (size_t i = 0; i < values.size(); ++i) {
    values[i] = static_cast<float>(q.x0_weight * x0.values()[i] +
                                   q.xt_weight * x_t.values()[i] +  // [DDPM] eq. 7
                                   sigma * noise.values()[i]);
  }
  return next;
}

}  // namespace

std::vector<Received> send_progressively(const NoisePredictor& predictor,
                                         std::span<const int64_t> times, bool clip_x0,
                                         uint64_t seed, ConstBatchView x0,
                                         std::span<const int64_t> indices,
                                         const std::function<void(int64_t done)>& observer) {
  const Schedule& schedule = predictor.schedule();
  check_times(times, schedule.steps());
  DDPM_CHECK(std::ssize(indices) == x0.images(), "coding: wanted one index an image, ", x0.images(),
             ", got ", indices.size());
  std::vector<Received> all;
  Batch noise(x0.shape());
  Batch eps(x0.shape());
  for (size_t k = 0; k + 1 < times.size(); ++k) {
    const int64_t t = times[k];
    const std::vector<int64_t> same(indices.size(), t);
    fill_noise(seed, indices, t, noise);
    Received now{.t = t, .x = Batch(x0.shape()), .x0 = Batch(x0.shape())};
    if (k == 0) {
      q_sample(schedule, x0, same, noise, now.x);
    } else {
      now.x = next_of(schedule.posterior(t, times[k - 1]), x0, all.back().x, noise);
    }
    predictor.estimate(now.x, same, {.clip_x0 = clip_x0}, now.x0, eps);  // [DDPM] algorithm 4
    if (!all_finite(std::as_const(now.x0).values())) {
      throw NotFinite(concat("coding: the network's output at t = ", t, " is not finite"));
    }
    all.push_back(std::move(now));
    if (observer) observer(static_cast<int64_t>(k + 1));
  }
  return all;
}

}  // namespace ddpm
