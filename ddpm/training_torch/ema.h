// The exponential moving average of the weights, which is what is sampled from.

#pragma once

#include <vector>

#include "ddpm/tensor/tensor.h"

namespace ddpm {

// s <- d s + (1 - d) w after every update of the weights w. Starts at the weights as they are.
class Ema {
 public:
  explicit Ema(const std::vector<Tensor>& weights);

  // `decay` is d, in [0, 1), see ema_decay_at.
  void update(const std::vector<Tensor>& weights, double decay);

  const std::vector<Tensor>& averages() const { return averages_; }  // s, float32

 private:
  std::vector<Tensor> averages_;
};

}  // namespace ddpm
