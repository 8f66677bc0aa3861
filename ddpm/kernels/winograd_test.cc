#include "ddpm/kernels/winograd.h"

#include <gtest/gtest.h>

#include <cmath>

#include "ddpm/kernels/kernels.h"
#include "ddpm/kernels/test_arrays_internal.h"

namespace ddpm {
namespace {

constexpr WinogradTile kTiles[] = {WinogradTile::kF2, WinogradTile::kF4};

// A convolution of random numbers, by the transforms of a path and the products between them.
struct Convolution {
  WinogradTile tile;
  int64_t images = 1, height = 8, width = 8, in = 16, out = 16;
  bool doubled = false;
  bool bf16 = false;
  bool with_residual = false;
  float scale = 1.0F;

  int64_t pixels() const { return images * height * width; }
  TileGrid grid() const { return {tile, images, height, width}; }

  // The input as the network has it, and as the convolution sees it.
  std::vector<double> x() const {
    const int64_t shift = doubled ? 1 : 0;
    return random_values(images * (height >> shift) * (width >> shift) * in, 3);
  }
  std::vector<double> seen() const {
    if (!doubled) return x();
    const auto small = x();
    std::vector<double> large;
    for (int64_t i = 0; i < images; ++i) {
      for (int64_t r = 0; r < height; ++r) {
        for (int64_t c = 0; c < width; ++c) {
          const int64_t at = (i * (height / 2) + r / 2) * (width / 2) + c / 2;
          for (int64_t k = 0; k < in; ++k) large.push_back(small[static_cast<size_t>(at * in + k)]);
        }
      }
    }
    return large;
  }
  std::vector<double> weights() const { return random_values(out * in * 9, 4, 0.1); }
  std::vector<double> bias() const { return random_values(images * out, 5); }  // one an image
  std::vector<double> residual() const { return random_values(pixels() * out, 6); }

  std::vector<double> wanted() const {
    auto y = convolution_reference(seen(), weights(), images, height, width, in, out);
    const auto b = bias(), r = residual();
    for (size_t i = 0; i < y.size(); ++i) {
      const auto image = static_cast<int64_t>(i) / (height * width * out);
      y[i] += b[static_cast<size_t>(image * out + static_cast<int64_t>(i) % out)];
      if (with_residual) y[i] += r[i];
      y[i] *= static_cast<double>(scale);
    }
    return y;
  }

  // V of all tiles from the first wanted one on: [point][block of in][count][16].
  std::vector<float> transformed(const Kernels& kernels, int64_t first, int64_t count) const {
    const int64_t shift = doubled ? 1 : 0;
    const int64_t rows = images * (height >> shift) * (width >> shift);
    Guarded<float> blocks = to_blocks(x(), rows, in);
    Guarded<float> v(point_count(tile) * blocks_of(in) * count * kLanes);
    Guarded<uint16_t> narrow(v.size());
    for (int64_t b = 0; b < blocks_of(in); ++b) {
      kernels.winograd_input({.grid = grid(),
                              .doubled = doubled,
                              .x = blocks.data() + b * rows * kLanes,
                              .first = first,
                              .count = count,
                              .v = bf16 ? nullptr : v.data() + b * count * kLanes,
                              .v_bf16 = bf16 ? narrow.data() + b * count * kLanes : nullptr,
                              .point_stride = blocks_of(in) * count * kLanes});
    }
    EXPECT_TRUE(v.guards_hold() && narrow.guards_hold());
    std::vector<float> all;
    for (int64_t i = 0; i < v.size(); ++i) all.push_back(bf16 ? from_bf16(narrow[i]) : v[i]);
    return all;
  }

  // U by the path, in float32: of each point the panels one behind the other.
  std::vector<float> packed(const Kernels& kernels) const {
    std::vector<float> g;
    for (const double value : weights()) g.push_back(static_cast<float>(value));
    const int64_t k = blocks_of(in) * kLanes, extent = input_extent(tile);
    std::vector<float> u(static_cast<size_t>(point_count(tile) * packed_size(k, out)));
    for (int64_t panel = 0; panel < panels_of(out); ++panel) {
      const int64_t columns = columns_of_panel(panel, out);
      std::vector<float> taps(static_cast<size_t>(k * kTaps * columns));
      pack_taps(g.data(), out, in, panel, taps.data());
      for (int64_t pair = 0; pair < pair_count(tile); ++pair) {
        Guarded<float> piece(2 * extent * k * columns);
        kernels.winograd_weights({.tile = tile,
                                  .pair = pair,
                                  .taps = taps.data(),
                                  .k = k,
                                  .columns = columns,
                                  .u = piece.data(),
                                  .u_bf16 = nullptr,
                                  .point_stride = k * columns});
        EXPECT_TRUE(piece.guards_hold());
        for (int64_t p = 0; p < 2 * extent; ++p) {
          const int64_t point = row_of_pair(tile, pair, p / extent) * extent + p % extent;
          std::copy_n(piece.data() + p * k * columns, k * columns,
                      u.data() + point * packed_size(k, out) + panel_offset(panel, k));
        }
      }
    }
    return u;
  }

  // The products in float64: what is left is the error of the transforms.
  std::vector<float> multiplied(const std::vector<float>& u, const std::vector<float>& v,
                                int64_t count) const {
    const int64_t k = blocks_of(in) * kLanes;
    std::vector<float> m(static_cast<size_t>(point_count(tile) * blocks_of(out) * count * kLanes));
    size_t next = 0;
    for (int64_t p = 0; p < point_count(tile); ++p) {
      for (int64_t column = 0; column < blocks_of(out) * kLanes; column += kLanes) {
        const int64_t panel = column / kPanelColumns;
        const float* b =
            u.data() + p * packed_size(k, out) + panel_offset(panel, k) + column % kPanelColumns;
        for (int64_t t = 0; t < count; ++t) {
          for (int64_t lane = 0; lane < kLanes; ++lane) {
            double sum = 0.0;
            for (int64_t i = 0; i < k; ++i) {
              const int64_t at =
                  ((p * blocks_of(in) + i / kLanes) * count + t) * kLanes + i % kLanes;
              sum += static_cast<double>(v[static_cast<size_t>(at)]) *
                     static_cast<double>(b[i * columns_of_panel(panel, out) + lane]);
            }
            m[next++] = static_cast<float>(sum);
          }
        }
      }
    }
    return m;
  }

  // The tiles are worked off in parts of `at_once`.
  std::vector<double> by(const Kernels& kernels, int64_t at_once = 5) const {
    Guarded<float> y(blocks_of(out) * pixels() * kLanes);
    Guarded<float> beside = to_blocks(residual(), pixels(), out);
    Guarded<float> biases = to_blocks(bias(), images, out);
    const std::vector<float> u = packed(kernels);
    for (int64_t first = 0; first < grid().tiles(); first += at_once) {
      const int64_t count = std::min(at_once, grid().tiles() - first);
      const std::vector<float> m = multiplied(u, transformed(kernels, first, count), count);
      for (int64_t b = 0; b < blocks_of(out); ++b) {
        kernels.winograd_output(
            {.grid = grid(),
             .m = m.data() + b * count * kLanes,
             .point_stride = blocks_of(out) * count * kLanes,
             .first = first,
             .count = count,
             .bias = biases.data() + b * images * kLanes,
             .bias_stride = kLanes,
             .residual = with_residual ? beside.data() + b * pixels() * kLanes : nullptr,
             .scale = scale,
             .y = y.data() + b * pixels() * kLanes});
      }
    }
    EXPECT_TRUE(y.guards_hold());
    return from_blocks(y.data(), pixels(), out);
  }
};

TEST(Winograd, EverySizeOfAnImageAgreesWithTheDefinition) {
  for (const CpuPath path : available_cpu_paths()) {
    for (const WinogradTile tile : kTiles) {
      for (int64_t height = 1; height <= 9; ++height) {
        for (int64_t width = 1; width <= 9; ++width) {
          const Convolution c{.tile = tile, .images = 2, .height = height, .width = width};
          EXPECT_LE(relative_rms(c.by(kernels_of(path)), c.wanted()), 1e-6)
              << name_of(path) << ' ' << height << 'x' << width;
        }
      }
    }
  }
}

TEST(Winograd, EveryRemainderOfChannelsAgreesWithTheDefinition) {
  for (const CpuPath path : available_cpu_paths()) {
    for (const WinogradTile tile : kTiles) {
      for (const int64_t in : {1, 3, 16, 24, 35}) {
        for (const int64_t out : {1, 6, 16, 17, 40}) {
          const Convolution c{.tile = tile, .height = 6, .width = 5, .in = in, .out = out};
          EXPECT_LE(relative_rms(c.by(kernels_of(path)), c.wanted()), 1e-6)
              << name_of(path) << ' ' << in << " to " << out;
        }
      }
    }
  }
}

TEST(Winograd, ReadsEachPixelFourTimesWhereTheInputIsDoubled) {
  for (const CpuPath path : available_cpu_paths()) {
    for (const WinogradTile tile : kTiles) {
      for (const int64_t width : {2, 4, 6, 10}) {
        const Convolution c{
            .tile = tile, .images = 3, .height = 6, .width = width, .in = 20, .doubled = true};
        EXPECT_LE(relative_rms(c.by(kernels_of(path)), c.wanted()), 1e-6) << name_of(path);
      }
    }
  }
}

TEST(Winograd, AddsAResidualAndScales) {
  for (const CpuPath path : available_cpu_paths()) {
    for (const WinogradTile tile : kTiles) {
      const Convolution c{.tile = tile,
                          .images = 2,
                          .height = 7,
                          .width = 6,
                          .out = 18,
                          .with_residual = true,
                          .scale = 0.75F};
      EXPECT_LE(relative_rms(c.by(kernels_of(path)), c.wanted()), 1e-6) << name_of(path);
    }
  }
}

TEST(Winograd, TheTransformsBringBfloat16CloseToItsOwnRounding) {
  // of V alone: U stays float32 here. Two roundings of 2^-9 would be direct bfloat16.
  for (const CpuPath path : available_cpu_paths()) {
    for (const WinogradTile tile : kTiles) {
      const Convolution c{
          .tile = tile, .images = 2, .height = 12, .width = 12, .in = 64, .bf16 = true};
      const double bound = tile == WinogradTile::kF4 ? 1.2e-2 : 4e-3;
      const double error = relative_rms(c.by(kernels_of(path)), c.wanted());
      EXPECT_LE(error, bound) << name_of(path);
      EXPECT_GE(error, 1e-3) << name_of(path);  // it is bfloat16
    }
  }
}

TEST(Winograd, ATilesBitsDoNotDependOnThoseBesideIt) {
  for (const CpuPath path : available_cpu_paths()) {
    for (const WinogradTile tile : kTiles) {
      const Convolution c{.tile = tile, .images = 2, .height = 9, .width = 7, .in = 17, .out = 20};
      EXPECT_EQ(c.by(kernels_of(path), 1), c.by(kernels_of(path), 64)) << name_of(path);
    }
  }
}

// U of one kernel g for the first lane, point by point.
std::vector<double> transformed_kernel(const Kernels& kernels, WinogradTile tile,
                                       const float (&g)[kTaps]) {
  const int64_t extent = input_extent(tile);
  std::vector<float> taps(static_cast<size_t>(kLanes * kTaps * kLanes));
  pack_taps(g, 1, 1, 0, taps.data());
  std::vector<double> u(static_cast<size_t>(point_count(tile)));
  for (int64_t pair = 0; pair < pair_count(tile); ++pair) {
    std::vector<float> piece(static_cast<size_t>(2 * extent * kLanes * kLanes));
    kernels.winograd_weights({.tile = tile,
                              .pair = pair,
                              .taps = taps.data(),
                              .k = kLanes,
                              .columns = kLanes,
                              .u = piece.data(),
                              .u_bf16 = nullptr,
                              .point_stride = kLanes * kLanes});
    for (int64_t p = 0; p < 2 * extent; ++p) {
      const int64_t point = row_of_pair(tile, pair, p / extent) * extent + p % extent;
      u[static_cast<size_t>(point)] =
          static_cast<double>(piece[static_cast<size_t>(p * kLanes * kLanes)]);
    }
  }
  return u;
}

TEST(WinogradWeights, AKernelOfOneNumberHasThePowersOfThePoints) {
  // g has 1 in row i, column j: U at the points (p, q) is p^i q^j; infinity has the last power only
  const std::vector<double> few = {0, 1, -1}, many = {0, 0.75, -0.75, 1.5, -1.5};
  for (const CpuPath path : available_cpu_paths()) {
    for (const WinogradTile tile : kTiles) {
      const std::vector<double>& points = tile == WinogradTile::kF4 ? many : few;
      const auto power = [&](size_t row, int exponent) {
        if (row == points.size()) return exponent == 2 ? 1.0 : 0.0;
        return std::pow(points[row], exponent);
      };
      for (int i = 0; i < 3; ++i) {
        for (int j = 0; j < 3; ++j) {
          float g[kTaps] = {};
          g[3 * i + j] = 1;
          const std::vector<double> u = transformed_kernel(kernels_of(path), tile, g);
          for (size_t at = 0; at < u.size(); ++at) {
            const size_t extent = points.size() + 1;
            EXPECT_DOUBLE_EQ(u[at], power(at / extent, i) * power(at % extent, j))
                << name_of(path) << ' ' << i << ' ' << j << ", point " << at;
          }
        }
      }
    }
  }
}

TEST(WinogradWeights, AreTheRoundedOnesInBfloat16ForEveryWidthAndDepth) {
  for (const CpuPath path : available_cpu_paths()) {
    for (const WinogradTile tile : kTiles) {
      for (const int64_t columns : {16, 32}) {
        for (const int64_t k : {2, 16, 34}) {
          const int64_t points = 2 * input_extent(tile), stride = k * columns + 32;
          std::vector<float> taps;
          for (const double value : random_values(k * kTaps * columns, 7)) {
            taps.push_back(static_cast<float>(value));
          }
          for (int64_t pair = 0; pair < pair_count(tile); ++pair) {
            Guarded<float> wide(points * stride);
            Guarded<uint16_t> narrow(points * stride);
            WinogradWeights call{tile, pair, taps.data(), k, columns, wide.data(), nullptr, stride};
            kernels_of(path).winograd_weights(call);
            call.u = nullptr;
            call.u_bf16 = narrow.data();
            kernels_of(path).winograd_weights(call);
            EXPECT_TRUE(wide.guards_hold() && narrow.guards_hold());
            for (int64_t at = 0; at < points * k * columns; ++at) {
              const int64_t p = at / (k * columns), i = at / columns % k, j = at % columns;
              const uint16_t got = narrow[p * stride + i / 2 * 2 * columns + 2 * j + i % 2];
              ASSERT_EQ(got, to_bf16(wide[p * stride + i * columns + j])) << name_of(path);
            }
          }
        }
      }
    }
  }
}

}  // namespace
}  // namespace ddpm
