// The forward process: from images to noise, one step or any number of steps at a time.
//
// Each image of a batch has a time of its own. The functions draw nothing: the noise is an
// argument. Each throws InvalidArgument if shapes differ, if there is not one time an image, or if
// a time is out of range; what it would have written is then unchanged. What is written may be one
// of the arrays that are read, but may not overlap one in part.

#pragma once

#include <cstdint>
#include <span>

#include "ddpm/base/batch.h"
#include "ddpm/diffusion/schedule.h"

namespace ddpm {

// x_t = signal * x_0 + sigma * eps, value by value; all of one size.
void mix(NoiseLevel level, std::span<const float> x0, std::span<const float> eps,
         std::span<float> x_t);

// A draw from q(x_t | x_0), [DDPM] eq. 4, given its noise.
//   x0, eps  float32 [N, C, H, W]; eps standard normal
//   t        [N], each in [0, T]; at t = 0 x_t is x0
//   x_t      float32 [N, C, H, W]
void q_sample(const Schedule& schedule, ConstBatchView x0, std::span<const int64_t> t,
              ConstBatchView eps, BatchView x_t);

// A draw from q(x_t | x_{t-1}), [DDPM] eq. 2, given its noise: one step of the chain.
//   x_before, z  float32 [N, C, H, W]; x_{t-1}, and a standard normal z of this step alone
//   t            [N], each in [1, T]: the time that is reached
//   x_t          float32 [N, C, H, W]
void q_step(const Schedule& schedule, ConstBatchView x_before, std::span<const int64_t> t,
            ConstBatchView z, BatchView x_t);

// A draw from q(x_t | x_s) for any s < t, given its noise: the steps s + 1 .. t of the chain at
// once.
//   x_s   float32 [N, C, H, W]
//   s, t  [N], 0 <= s < t <= T for each image; s = 0 is q_sample, s = t - 1 is q_step
//   z     float32 [N, C, H, W]; standard normal, of this step alone
//   x_t   float32 [N, C, H, W]
void q_step_between(const Schedule& schedule, ConstBatchView x_s, std::span<const int64_t> s,
                    std::span<const int64_t> t, ConstBatchView z, BatchView x_t);

// The mean of the reverse step if x_0 were known: q(x_{t-1} | x_t, x_0). [DDPM] eq. 6, 7. Its
// variance is schedule.posterior(t).variance.
//   x0, x_t  float32 [N, C, H, W]
//   t        [N], each in [1, T]; at t = 1 the mean is x0
//   mean     float32 [N, C, H, W]
// Not the model's p(x_{t-1} | x_t), whose x_0 is predicted.
void q_posterior_mean(const Schedule& schedule, ConstBatchView x0, ConstBatchView x_t,
                      std::span<const int64_t> t, BatchView mean);

}  // namespace ddpm
