#include "ddpm/kernels/winograd.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>

#include "ddpm/kernels/kernels.h"
#include "ddpm/testing/test_arrays.h"

namespace ddpm {
namespace {

constexpr WinogradTile kTiles[] = {WinogradTile::kF2, WinogradTile::kF4};

// A convolution of random numbers, by the transforms of a path and the products between them.
struct Convolution {
  WinogradTile tile;
  int64_t images = 1, height = 8, width = 8, in = 16, out = 16;
  bool doubled = false;
  bool bf16 = false;          // V
  bool bf16_weights = false;  // U
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

  // U by the path: of each point the panels one behind the other, as packed by gemm.h in float32.
  std::vector<float> packed(const Kernels& kernels) const {
    std::vector<float> g;
    for (const double value : weights()) g.push_back(static_cast<float>(value));
    const int64_t k = blocks_of(in) * kLanes;
    std::vector<float> u(static_cast<size_t>(point_count(tile) * packed_size(k, out)));
    for (int64_t panel = 0; panel < panels_of(out); ++panel) {
      const int64_t columns = columns_of_panel(panel, out), size = k * columns;
      std::vector<float> taps(static_cast<size_t>(size * kTaps));
      pack_taps(g.data(), out, in, panel, taps.data());
      const std::vector<float> points = transformed_kernels(kernels, taps, k, columns);
      for (int64_t p = 0; p < point_count(tile); ++p) {
        std::copy_n(points.data() + p * size, size,
                    u.data() + p * packed_size(k, out) + panel_offset(panel, k));
      }
    }
    return u;
  }

  // Point by point [k][columns].
  std::vector<float> transformed_kernels(const Kernels& kernels, const std::vector<float>& taps,
                                         int64_t k, int64_t columns) const {
    const int64_t size = k * columns, stride = size + 32;
    Guarded<float> wide(point_count(tile) * stride);
    Guarded<uint16_t> narrow(wide.size());
    kernels.winograd_weights({.tile = tile,
                              .taps = taps.data(),
                              .k = k,
                              .columns = columns,
                              .u = bf16_weights ? nullptr : wide.data(),
                              .u_bf16 = bf16_weights ? narrow.data() : nullptr,
                              .point_stride = stride});
    EXPECT_TRUE(wide.guards_hold() && narrow.guards_hold());
    std::vector<float> points;
    for (int64_t p = 0; p < point_count(tile); ++p) {
      for (int64_t i = 0; i < size; ++i) {
        const int64_t row = i / columns, column = i % columns;
        const int64_t of_pairs = row / 2 * 2 * columns + 2 * column + row % 2;
        points.push_back(bf16_weights ? from_bf16(narrow[p * stride + of_pairs])
                                      : wide[p * stride + i]);
      }
    }
    return points;
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
    const std::vector<float> u = packed(kernels);
    for (int64_t first = 0; first < grid().tiles(); first += at_once) {
      const int64_t count = std::min(at_once, grid().tiles() - first);
      transform_back(kernels, multiplied(u, transformed(kernels, first, count), count), first,
                     count, y);
    }
    EXPECT_TRUE(y.guards_hold());
    return from_blocks(y.data(), pixels(), out);
  }
  // From the products of all tiles.
  std::vector<double> finished(const Kernels& kernels, const std::vector<float>& m) const {
    Guarded<float> y(blocks_of(out) * pixels() * kLanes);
    transform_back(kernels, m, 0, grid().tiles(), y);
    return from_blocks(y.data(), pixels(), out);
  }

  void transform_back(const Kernels& kernels, const std::vector<float>& m, int64_t first,
                      int64_t count, Guarded<float>& y) const {
    Guarded<float> beside = to_blocks(residual(), pixels(), out);
    Guarded<float> biases = to_blocks(bias(), images, out);
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

// The error of a convolution whose V or U, or both, is each rounded to the nearest bfloat16.
double error_of_nearest(const Convolution& c, const Kernels& kernels, bool v_too, bool u_too) {
  const auto rounded = [](std::vector<float> values, bool round) {
    for (float& value : values) value = round ? from_bf16(to_bf16(value)) : value;
    return values;
  };
  const std::vector<float> u = rounded(c.packed(kernels), u_too);
  const std::vector<float> v = rounded(c.transformed(kernels, 0, c.grid().tiles()), v_too);
  return relative_rms(c.finished(kernels, c.multiplied(u, v, c.grid().tiles())), c.wanted());
}

TEST(Winograd, RoundsToBfloat16SoThatNeighboursMakeUpForTheError) {
  // winograd_tiles_internal.h says how much of the expected square is left: 0.66^2 of V's and
  // 0.63^2 of U's with F(4x4); F(2x2) rounds to the nearest.
  for (const CpuPath path : available_cpu_paths()) {
    const Kernels& kernels = kernels_of(path);
    for (const WinogradTile tile : kTiles) {
      Convolution c{.tile = tile, .images = 2, .height = 12, .width = 12, .in = 64, .out = 32};
      const double nearest_v = error_of_nearest(c, kernels, true, false);
      const double nearest_u = error_of_nearest(c, kernels, false, true);
      c.bf16 = true;
      const double v = relative_rms(c.by(kernels), c.wanted());
      c.bf16 = false;
      c.bf16_weights = true;
      const double u = relative_rms(c.by(kernels), c.wanted());
      const bool four = tile == WinogradTile::kF4;
      EXPECT_NEAR(v / nearest_v, four ? 0.655 : 1.0, 0.03) << name_of(path);
      EXPECT_NEAR(u / nearest_u, four ? 0.631 : 1.0, 0.03) << name_of(path);
      EXPECT_GE(v, 1e-3) << name_of(path);  // it is bfloat16
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

TEST(WinogradWeights, AKernelOfOneNumberHasThePowersOfThePoints) {
  // g has 1 in row i, column j: U at the points (p, q) is p^i q^j; infinity has the last power only
  const std::vector<double> few = {0, 1, -1}, many = {0, 0.75, -0.75, 1.5, -1.5};
  for (const CpuPath path : available_cpu_paths()) {
    for (const WinogradTile tile : kTiles) {
      const std::vector<double>& points = tile == WinogradTile::kF4 ? many : few;
      const size_t extent = points.size() + 1;
      const auto power = [&](size_t row, int exponent) {
        if (row == points.size()) return exponent == 2 ? 1.0 : 0.0;
        return std::pow(points[row], exponent);
      };
      for (int tap = 0; tap < kTaps; ++tap) {
        std::vector<float> taps(static_cast<size_t>(kLanes * kTaps * kLanes), 0.0F);
        taps[static_cast<size_t>(tap) * kLanes] = 1;
        const auto u =
            Convolution{.tile = tile}.transformed_kernels(kernels_of(path), taps, kLanes, kLanes);
        for (size_t at = 0; at < extent * extent; ++at) {
          EXPECT_EQ(static_cast<double>(u[at * kLanes * kLanes]),
                    power(at / extent, tap / 3) * power(at % extent, tap % 3))
              << name_of(path) << ", tap " << tap << ", point " << at;
        }
      }
    }
  }
}

TEST(WinogradWeights, LieInPairsInBfloat16ForEveryWidthAndDepth) {
  // as near as rounding brings them that of neighbours included: some units of the largest's last
  for (const CpuPath path : available_cpu_paths()) {
    for (const WinogradTile tile : kTiles) {
      for (const int64_t columns : {16, 32}) {
        for (const int64_t k : {2, 16, 34}) {
          std::vector<float> taps;
          for (const double value : random_values(k * kTaps * columns, 7)) {
            taps.push_back(static_cast<float>(value));
          }
          Convolution c{.tile = tile};
          const auto wide = c.transformed_kernels(kernels_of(path), taps, k, columns);
          c.bf16_weights = true;
          const auto narrow = c.transformed_kernels(kernels_of(path), taps, k, columns);
          float largest = 0.0F;
          for (const float value : wide) largest = std::max(largest, std::abs(value));
          for (size_t i = 0; i < wide.size(); ++i) {
            ASSERT_NEAR(narrow[i], wide[i], 0x1p-6F * largest) << name_of(path) << ' ' << i;
          }
        }
      }
    }
  }
}

}  // namespace
}  // namespace ddpm
