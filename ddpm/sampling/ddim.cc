#include "ddpm/sampling/ddim.h"

#include <algorithm>
#include <cmath>

#include "ddpm/base/check.h"
#include "ddpm/sampling/ancestral.h"

namespace ddpm {

StepWeights ddim_step(NoiseLevel from, NoiseLevel to, double eta) {
  DDPM_CHECK(eta >= 0.0 && eta <= 1.0, "ddim: eta must be in [0, 1], got ", eta);
  if (is_idle_step(from, to)) return {.x_weight = 1.0};
  if (from.is_clean()) return {.x_weight = 1.0};
  const double sigma_t = eta * posterior_sigma(from, to);  // [DDIM] eq. 16
  const double eps_variance = to.sigma * to.sigma - sigma_t * sigma_t;
  return {.x_weight = 0.0,
          .x0_weight = to.signal,  // [DDIM] eq. 12
          .eps_weight = std::sqrt(std::max(eps_variance, 0.0)),
          .noise_weight = sigma_t};
}

}  // namespace ddpm
