#include "ddpm/kernels/winograd.h"

#include <algorithm>
#include <array>

namespace ddpm {

namespace {

constexpr double kA = 0.75, kB = 1.5;  // the points 0, +-a, +-b, infinity
constexpr double kA2 = kA * kA, kB2 = kB * kB;

using Row = std::array<double, 3>;  // of G: 1, p, p^2 over prod over j != i of (p_i - p_j)

constexpr Row row_of(double p, double divisor) {
  return {1 / divisor, p / divisor, p * p / divisor};
}

constexpr std::array<Row, 6> kG4 = {
    row_of(0, kA2* kB2),
    row_of(kA, 2 * kA2 * (kA2 - kB2)),
    row_of(-kA, 2 * kA2 * (kA2 - kB2)),
    row_of(kB, 2 * kB2 * (kB2 - kA2)),
    row_of(-kB, 2 * kB2 * (kB2 - kA2)),
    Row{0, 0, 1},
};
constexpr std::array<Row, 4> kG2 = {Row{1, 0, 0}, Row{0.5, 0.5, 0.5}, Row{0.5, -0.5, 0.5},
                                    Row{0, 0, 1}};

// u[p] for 16 kernels at once: kernels [9][16], u [n * n][16].
template <size_t n>
void transform(const std::array<Row, n>& g, const float (&kernels)[9][kLanes], float (*u)[kLanes]) {
  double half[n][3][kLanes];
  for (size_t r = 0; r < n; ++r) {
    for (size_t c = 0; c < 3; ++c) {
      for (int64_t i = 0; i < kLanes; ++i) {
        half[r][c][i] = g[r][0] * static_cast<double>(kernels[c][i]) +
                        g[r][1] * static_cast<double>(kernels[3 + c][i]) +
                        g[r][2] * static_cast<double>(kernels[6 + c][i]);
      }
    }
  }
  for (size_t r = 0; r < n; ++r) {
    for (size_t c = 0; c < n; ++c) {
      for (int64_t i = 0; i < kLanes; ++i) {
        u[r * n + c][i] = static_cast<float>(half[r][0][i] * g[c][0] + half[r][1][i] * g[c][1] +
                                             half[r][2][i] * g[c][2]);
      }
    }
  }
}

void transform(WinogradTile tile, const float (&kernels)[9][kLanes], float (*u)[kLanes]) {
  if (tile == WinogradTile::kF4) {
    transform(kG4, kernels, u);
  } else {
    transform(kG2, kernels, u);
  }
}

constexpr int64_t kMostPoints = 36;

}  // namespace

void pack_winograd_panel(WinogradTile tile, const float* weights, int64_t channels_out,
                         int64_t channels_in, int64_t panel, int64_t point_stride, float* u) {
  const int64_t width = columns_of_panel(panel, channels_out);
  for (int64_t lanes = 0; lanes < width; lanes += kLanes) {
    const int64_t first = panel * kPanelColumns + lanes;
    const int64_t used = std::min(kLanes, channels_out - first);
    for (int64_t k = 0; k < blocks_of(channels_in) * kLanes; ++k) {
      float kernels[9][kLanes] = {};
      for (int64_t i = 0; k < channels_in && i < used; ++i) {
        const float* g = weights + ((first + i) * channels_in + k) * 9;
        for (int64_t at = 0; at < 9; ++at) kernels[at][i] = g[at];
      }
      float transformed[kMostPoints][kLanes];
      transform(tile, kernels, transformed);
      for (int64_t p = 0; p < point_count(tile); ++p) {
        std::copy_n(transformed[p], kLanes, u + p * point_stride + k * width + lanes);
      }
    }
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
