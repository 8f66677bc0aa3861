// Progressive lossy coding, [DDPM] algorithm 3, 4, without the code itself.
//
// Who sends an image sends x_T, x_{T-1}, .. as they are drawn from q given x_0, each at the price
// of its divergence from what the receiver expects; who receives holds x_t and shows the x_0 that
// the network predicts from it. The rate is that of BoundRow; here is what is seen.

#pragma once

#include <cstdint>
#include <functional>
#include <span>
#include <vector>

#include "ddpm/base/batch.h"
#include "ddpm/diffusion/noise_predictor.h"

namespace ddpm {

// What has arrived at time t, and what is shown of it.
struct Received {
  int64_t t;
  Batch x;   // [N, C, H, W]
  Batch x0;  // predicted from x, clipped if asked for
};

// One chain for each image, walked from times[0] to the last time that is above 0: x at times[0] is
// a draw from q(x_t | x_0), and every next one from q(x_s | x_t, x_0), [DDPM] algorithm 3; x_0 is
// predicted at each, [DDPM] algorithm 4. The noise is that of (seed, index, t).
//   times    as check_times wants them
//   x0       float32 [N, C, H, W]
//   indices  [N], the images' own numbers
//   observer is told how many times are done; what it throws ends the walk
// Throws InvalidArgument for times or indices that do not fit, NotFinite for an output that is not
// finite.
std::vector<Received> send_progressively(const NoisePredictor& predictor,
                                         std::span<const int64_t> times, bool clip_x0,
                                         uint64_t seed, ConstBatchView x0,
                                         std::span<const int64_t> indices,
                                         const std::function<void(int64_t done)>& observer = {});

}  // namespace ddpm
