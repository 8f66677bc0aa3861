#include "ddpm/diffusion/decoder.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <limits>
#include <numbers>

#include "ddpm/base/check.h"
#include "ddpm/base/names.h"
#include "ddpm/diffusion/gaussian.h"

namespace ddpm {

namespace {

constexpr std::array<Named<Cdf>, 2> kCdfs = {{{Cdf::kExact, "exact"}, {Cdf::kTanh, "tanh"}}};
constexpr double kLeastProbability = 1e-12;  // of the tanh form

double tanh_cdf(double u) {
  const double root = std::sqrt(2.0 / std::numbers::pi);
  return 0.5 * (1.0 + std::tanh(root * (u + 0.044715 * u * u * u)));
}

}  // namespace

std::string to_string(Cdf cdf) { return name_of(kCdfs, cdf); }

Cdf cdf_from(std::string_view name) { return value_named(kCdfs, "cdf", name); }

const std::vector<Cdf>& all_cdfs() {
  static const std::vector<Cdf> all = {Cdf::kExact, Cdf::kTanh};
  return all;
}

double x0_of_byte(int byte) { return byte / kBytesInOne - 1.0; }

int byte_of_x0(double x0) {
  const double value = (x0 + 1.0) * kBytesInOne;
  const double nearest = std::round(value);
  DDPM_CHECK(nearest >= 0.0 && nearest <= 255.0 && std::abs(value - nearest) <= 0.01,
             "decoder: wanted an x_0 that is a byte, v / 127.5 - 1, got ", x0);
  return static_cast<int>(nearest);
}

double log_decoder(int byte, double mean, double log_variance, Cdf cdf) {
  DDPM_CHECK(byte >= 0 && byte <= 255, "decoder: a byte must be in [0, 255], got ", byte);
  DDPM_CHECK(std::isfinite(mean) && std::isfinite(log_variance),
             "decoder: mean and log variance must be finite, got ", mean, " and ", log_variance);
  constexpr double kInfinity = std::numeric_limits<double>::infinity();
  const double sigma = std::exp(0.5 * log_variance);
  const double distance = x0_of_byte(byte) - mean;
  const double below = byte == 0 ? -kInfinity : (distance - kHalfBin) / sigma;
  const double above = byte == 255 ? kInfinity : (distance + kHalfBin) / sigma;
  if (cdf == Cdf::kExact) return log_normal_mass(below, above);  // [DDPM] eq. 13
  const double mass = (byte == 255 ? 1.0 : tanh_cdf(above)) - (byte == 0 ? 0.0 : tanh_cdf(below));
  return std::log(std::max(mass, kLeastProbability));
}

}  // namespace ddpm
