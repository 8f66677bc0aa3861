#include "ddpm/diffusion/gaussian.h"

#include <algorithm>
#include <cmath>
#include <limits>
#include <numbers>

namespace ddpm {

namespace {

constexpr double kInfinity = std::numeric_limits<double>::infinity();
const double kLogRootTwoPi = 0.5 * std::log(2.0 * std::numbers::pi);

// ln of the standard normal density.
double log_density(double u) { return -0.5 * u * u - kLogRootTwoPi; }

// Both bounds at most 0, the lower one first.
double log_mass_below_zero(double below, double above) {
  const double upper = log_normal_cdf(above);
  return upper + std::log(-std::expm1(log_normal_cdf(below) - upper));
}

}  // namespace

double kl_of_q_from_p(Gaussian q, Gaussian p) {
  if (q.variance == 0.0 && p.variance == 0.0) return q.mean == p.mean ? 0.0 : kInfinity;
  if (q.variance == 0.0 || p.variance == 0.0) return kInfinity;
  const double ratio = q.variance / p.variance;
  const double apart = q.mean - p.mean;
  return 0.5 * (ratio - 1.0 - std::log(ratio) + apart * apart / p.variance);
}

double log_normal_cdf(double u) {
  constexpr double kTail = -30.0;  // below, the series' next term is under 2e-10
  if (u > 0.0) return std::log1p(-0.5 * std::erfc(u / std::numbers::sqrt2));
  if (u > kTail) return std::log(0.5 * std::erfc(-u / std::numbers::sqrt2));
  if (u == -kInfinity) return -kInfinity;
  // Phi(u) = density(u) / -u (1 - 1/u^2 + 3/u^4 - 15/u^6 + ..), Abramowitz and Stegun 26.2.12
  const double w = 1.0 / (u * u);
  return log_density(u) - std::log(-u) + std::log1p(-w * (1.0 - 3.0 * w * (1.0 - 5.0 * w)));
}

double log_normal_mass(double below, double above) {
  constexpr double kNarrow = 1e-5;
  const double middle = 0.5 * (below + above);
  const double width = above - below;
  // density times width: the next term is (middle^2 - 1) width^2 / 24
  if (width * std::max(1.0, std::abs(middle)) < kNarrow) {
    return log_density(middle) + std::log(width);
  }
  if (above <= 0.0) return log_mass_below_zero(below, above);
  if (below >= 0.0) return log_mass_below_zero(-above, -below);
  const double outside =
      0.5 * std::erfc(-below / std::numbers::sqrt2) + 0.5 * std::erfc(above / std::numbers::sqrt2);
  return outside < 0.5 ? std::log1p(-outside)
                       : std::log(0.5 * (std::erf(above / std::numbers::sqrt2) -
                                         std::erf(below / std::numbers::sqrt2)));
}

}  // namespace ddpm
