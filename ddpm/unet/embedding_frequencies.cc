#include "ddpm/unet/embedding_frequencies.h"

#include <cmath>

#include "ddpm/base/check.h"

namespace ddpm {

std::vector<float> embedding_frequencies(int64_t channels, int64_t frequency_shift) {
  constexpr double kLongestPeriod = 10000.0;
  const int64_t half = channels / 2;
  DDPM_CHECK(channels >= 2 && frequency_shift >= 0 && frequency_shift < half,
             "embedding_frequencies: the shift must be in 0 to below half of the channels, ",
             channels, ", got ", frequency_shift);
  const auto slope = static_cast<float>(-std::log(kLongestPeriod));
  std::vector<float> frequencies;
  for (int64_t i = 0; i < half; ++i) {
    const float exponent =
        slope * static_cast<float>(i) / static_cast<float>(half - frequency_shift);
    frequencies.push_back(static_cast<float>(std::exp(static_cast<double>(exponent))));
  }
  return frequencies;
}

}  // namespace ddpm
