#include "ddpm/diffusion/network.h"

#include <algorithm>
#include <utility>

#include "ddpm/base/check.h"

namespace ddpm {

Network in_slices(Network network, int64_t most) {
  DDPM_CHECK(most >= 1, "network: wanted slices of at least 1 image, got ", most);
  return [network = std::move(network), most](ConstBatchView x, std::span<const Timestep> timesteps,
                                              BatchView output) {
    for (int64_t first = 0; first < x.images(); first += most) {
      const int64_t count = std::min(most, x.images() - first);
      network(x.slice(first, count),
              timesteps.subspan(static_cast<size_t>(first), static_cast<size_t>(count)),
              output.slice(first, count));
    }
  };
}

}  // namespace ddpm
