// The exponential moving average of the weights, which is what is sampled from.

#pragma once

#include <cstdint>
#include <vector>

#include "ddpm/config/choices.h"
#include "ddpm/tensor/tensor.h"

namespace ddpm {

// The decay d of the update after `updates` earlier ones; `decay` in [0, 1).
double ema_decay_at(EmaRule rule, double decay, int64_t updates);

// s <- d s + (1 - d) w after every update of the weights w. Starts at the weights as they are.
class Ema {
 public:
  Ema(const std::vector<Tensor>& weights, EmaRule rule, double decay);

  void update(const std::vector<Tensor>& weights);

  int64_t updates() const { return updates_; }
  const std::vector<Tensor>& averages() const { return averages_; }  // s, float32
  double next_decay() const { return ema_decay_at(rule_, decay_, updates_); }

  // Goes on after `updates` updates; the caller has copied the averages in.
  void restore(int64_t updates) { updates_ = updates; }

 private:
  EmaRule rule_;
  double decay_;
  std::vector<Tensor> averages_;
  int64_t updates_ = 0;
};

}  // namespace ddpm
