#include "ddpm/diffusion/objective.h"

#include "ddpm/base/check.h"

namespace ddpm {

double simple_loss(std::span<const float> target, std::span<const float> output) {
  DDPM_CHECK(target.size() == output.size() && !target.empty(),
             "simple_loss: wanted two arrays of one size, at least 1, got ", target.size(), " and ",
             output.size());
  double sum = 0.0;
  for (size_t i = 0; i < target.size(); ++i) {
    const double error = static_cast<double>(target[i]) - output[i];
    sum += error * error;  // [DDPM] eq. 14
  }
  return sum / static_cast<double>(target.size());
}

}  // namespace ddpm
