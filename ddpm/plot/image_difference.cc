#include "ddpm/plot/image_difference.h"

#include <cmath>

#include "ddpm/base/check.h"

namespace ddpm {

namespace {

constexpr double kBrightest = 255.0;

}  // namespace

double rms_difference(std::span<const Image> a, std::span<const Image> b) {
  DDPM_CHECK(!a.empty() && a.size() == b.size(), "difference: wanted pairs of images, got ",
             a.size(), " and ", b.size());
  double sum = 0.0;
  double count = 0.0;
  for (size_t i = 0; i < a.size(); ++i) {
    DDPM_CHECK(a[i].height == b[i].height && a[i].width == b[i].width &&
                   a[i].channels == b[i].channels && a[i].bits == 8 && b[i].bits == 8,
               "difference: wanted two images of one size and 8 bits, got ", a[i].height, "x",
               a[i].width, " and ", b[i].height, "x", b[i].width);
    for (size_t j = 0; j < a[i].samples.size(); ++j) {
      const double difference = static_cast<double>(a[i].samples[j]) - b[i].samples[j];
      sum += difference * difference;
    }
    count += static_cast<double>(a[i].samples.size());
  }
  return std::sqrt(sum / count);
}

double psnr_of(double rms) { return 20.0 * std::log10(kBrightest / rms); }

}  // namespace ddpm
