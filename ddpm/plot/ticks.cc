#include <algorithm>
#include <cmath>
#include <cstdio>

#include "ddpm/base/text.h"
#include "ddpm/plot/line_plot.h"

namespace ddpm {

namespace {

// The smallest of 1, 2, 5, 10 times a power of ten that is at least `step`.
double nice_step(double step) {
  const double power = std::pow(10.0, std::floor(std::log10(step)));
  for (const double factor : {1.0, 2.0, 5.0}) {
    if (factor * power >= step * (1.0 - 1e-9)) return factor * power;
  }
  return 10.0 * power;
}

}  // namespace

std::vector<double> linear_ticks(double low, double high, int64_t count) {
  // nearer than float64 can count in steps: one point
  if (!(high - low > 1e-9 * std::max(std::abs(low), std::abs(high)))) return {low};
  const double step = nice_step((high - low) / static_cast<double>(std::max<int64_t>(count, 1)));
  std::vector<double> ticks;
  const auto first = std::llround(std::ceil(low / step - 1e-9));
  const auto last = std::llround(std::floor(high / step + 1e-9));
  for (auto k = first; k <= last; ++k) ticks.push_back(static_cast<double>(k) * step);
  return ticks;
}

std::vector<double> log_ticks(double low, double high) {
  const auto with_factors = [low, high](std::initializer_list<double> factors) {
    std::vector<double> ticks;
    const int last = static_cast<int>(std::ceil(std::log10(high)));
    for (int e = static_cast<int>(std::floor(std::log10(low))); e <= last; ++e) {
      for (const double factor : factors) {
        const double tick = factor * std::pow(10.0, e);
        if (tick >= low * (1.0 - 1e-9) && tick <= high * (1.0 + 1e-9)) ticks.push_back(tick);
      }
    }
    return ticks;
  };
  std::vector<double> ticks = with_factors({1.0});
  if (ticks.size() < 3) ticks = with_factors({1.0, 2.0, 5.0});
  if (ticks.size() < 2) ticks = linear_ticks(low, high, 4);
  return ticks;
}

std::string tick_text(double value) {
  const double size = std::abs(value);
  if (size != 0.0 && (size < 1e-4 || size >= 1e7)) {
    char text[32];
    std::snprintf(text, sizeof(text), "%.3g", value);
    return text;
  }
  if (size >= 1000.0 && value == std::round(value)) {
    return with_thousands(static_cast<int64_t>(value));
  }
  char text[32];
  std::snprintf(text, sizeof(text), "%.6g", value);
  return text;
}

}  // namespace ddpm
