// Adam (Kingma and Ba 2015, algorithm 1), through LibTorch's fused kernel.

#pragma once

#include <cstdint>
#include <vector>

#include "ddpm/tensor/tensor.h"

namespace ddpm {

struct AdamOptions {
  double beta1 = 0.9;     // decay of the mean of gradients, in [0, 1)
  double beta2 = 0.999;   // decay of the mean of their squares, in [0, 1)
  double epsilon = 1e-8;  // > 0, added to the root of the bias-corrected second moment
};

// theta -= lr / (1 - beta1^k) * m / (sqrt(v / (1 - beta2^k)) + epsilon) at update k = 1, 2, ..
// Holds the moments m and v, float32 and shaped as the parameters; nothing else is state but k.
class Adam {
 public:
  Adam(std::vector<Tensor> parameters, const AdamOptions& options);

  // One update from each parameter's gradient, which has to be there.
  void step(double learning_rate);

  int64_t updates() const { return updates_; }                      // k, 0 at the start
  const std::vector<Tensor>& first_moments() const { return m_; }   // m, one a parameter
  const std::vector<Tensor>& second_moments() const { return v_; }  // v

  // Goes on after `updates` updates; the caller has copied the moments in.
  void restore(int64_t updates);

 private:
  std::vector<Tensor> parameters_;
  AdamOptions options_;
  std::vector<Tensor> m_;
  std::vector<Tensor> v_;
  std::vector<Tensor> k_;  // one number that all parameters share, as the kernel wants it
  int64_t updates_ = 0;
};

}  // namespace ddpm
