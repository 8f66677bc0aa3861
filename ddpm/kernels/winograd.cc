#include "ddpm/kernels/winograd.h"

#include <algorithm>

namespace ddpm {

void pack_taps(const float* weights, int64_t channels_out, int64_t channels_in, int64_t panel,
               float* taps) {
  const int64_t width = columns_of_panel(panel, channels_out);
  const int64_t first = panel * kPanelColumns, used = std::min(width, channels_out - first);
  std::fill_n(taps, blocks_of(channels_in) * kLanes * kTaps * width, 0.0F);
  for (int64_t i = 0; i < used; ++i) {
    const float* g = weights + (first + i) * channels_in * kTaps;
    for (int64_t at = 0; at < channels_in * kTaps; ++at) taps[at * width + i] = g[at];
  }
}

std::vector<double> convolution_reference(const std::vector<double>& x,
                                          const std::vector<double>& weights, int64_t images,
                                          int64_t height, int64_t width, int64_t channels_in,
                                          int64_t channels_out) {
  std::vector<double> y(static_cast<size_t>(images * height * width * channels_out), 0.0);
  const auto sum_at = [&](int64_t image, int64_t row, int64_t column, int64_t out) {
    double sum = 0.0;
    for (int64_t dy = -1; dy <= 1; ++dy) {
      for (int64_t dx = -1; dx <= 1; ++dx) {
        const int64_t r = row + dy, c = column + dx;
        if (r < 0 || r >= height || c < 0 || c >= width) continue;
        for (int64_t in = 0; in < channels_in; ++in) {
          const int64_t at = ((image * height + r) * width + c) * channels_in + in;
          const int64_t weight = ((out * channels_in + in) * 3 + dy + 1) * 3 + dx + 1;
          sum += x[static_cast<size_t>(at)] * weights[static_cast<size_t>(weight)];
        }
      }
    }
    return sum;
  };
  size_t next = 0;
  for (int64_t image = 0; image < images; ++image) {
    for (int64_t row = 0; row < height; ++row) {
      for (int64_t column = 0; column < width; ++column) {
        for (int64_t out = 0; out < channels_out; ++out)
          y[next++] = sum_at(image, row, column, out);
      }
    }
  }
  return y;
}

}  // namespace ddpm
