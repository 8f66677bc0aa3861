#include "ddpm/kernels/winograd.h"

#include <gtest/gtest.h>

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

  std::vector<float> packed() const {
    std::vector<float> g;
    for (const double value : weights()) g.push_back(static_cast<float>(value));
    const int64_t k = blocks_of(in) * kLanes;
    std::vector<float> u(static_cast<size_t>(point_count(tile) * packed_size(k, out)));
    for (int64_t p = 0; p < panels_of(out); ++p) {
      pack_winograd_panel(tile, g.data(), out, in, p, packed_size(k, out),
                          u.data() + panel_offset(p, k));
    }
    return u;
  }

  // The products in float64: what is left is the error of the transforms.
  std::vector<float> multiplied(const std::vector<float>& v, int64_t count) const {
    const int64_t k = blocks_of(in) * kLanes;
    const std::vector<float> u = packed();
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
    for (int64_t first = 0; first < grid().tiles(); first += at_once) {
      const int64_t count = std::min(at_once, grid().tiles() - first);
      const std::vector<float> m = multiplied(transformed(kernels, first, count), count);
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

TEST(PackWinograd, AKernelOfOneNumberIsTheProductOfTheColumnsOfG) {
  // g has 1 in its middle: G e_1 is the points p / prod (p - p_j), 0 at infinity
  const float g[9] = {0, 0, 0, 0, 1, 0, 0, 0, 0};
  const double a = 0.75, b = 1.5, a2 = a * a, b2 = b * b;
  const double column[6] = {0,
                            a / (2 * a2 * (a2 - b2)),
                            -a / (2 * a2 * (a2 - b2)),
                            b / (2 * b2 * (b2 - a2)),
                            -b / (2 * b2 * (b2 - a2)),
                            0};
  constexpr int64_t kPoint = kLanes * kLanes;  // values of a panel of 1 channel to 1
  float u[36 * kPoint];
  pack_winograd_panel(WinogradTile::kF4, g, 1, 1, 0, kPoint, u);
  for (int r = 0; r < 6; ++r) {
    for (int c = 0; c < 6; ++c) {
      EXPECT_FLOAT_EQ(u[(r * 6 + c) * kPoint], static_cast<float>(column[r] * column[c]));
    }
  }
}

}  // namespace
}  // namespace ddpm
