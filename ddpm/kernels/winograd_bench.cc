// 3x3 convolutions as engine/winograd_step.cc has them: transform, products, transform back.

#include <algorithm>

#include "ddpm/base/check.h"
#include "ddpm/testing/kernel_bench.h"
#include "ddpm/testing/onednn.h"
#include "ddpm/testing/test_arrays.h"

namespace ddpm {

namespace {

constexpr int64_t kTilesAtOnce = 64;  // as the engine takes them
constexpr int64_t kPadding = kLanes;
constexpr int64_t kTaps = 9;

struct ConvolutionShape {
  const char* name;
  WinogradTile tile;
  OnednnImages images;
  int64_t channels;  // in and out
};

// The tile is the engine's choice but for 8x8, where it takes F(2x2).
constexpr ConvolutionShape kConvolutions[] = {
    {"F4/32x32_128_to_128_batch1", WinogradTile::kF4, {1, 32, 32}, 128},
    {"F4/32x32_128_to_128_batch16", WinogradTile::kF4, {16, 32, 32}, 128},
    {"F4/16x16_256_to_256_batch1", WinogradTile::kF4, {1, 16, 16}, 256},
    {"F4/16x16_256_to_256_batch16", WinogradTile::kF4, {16, 16, 16}, 256},
    {"F4/8x8_256_to_256_batch1", WinogradTile::kF4, {1, 8, 8}, 256},
    {"F4/8x8_256_to_256_batch16", WinogradTile::kF4, {16, 8, 8}, 256},
    {"F2/8x8_256_to_256_batch1", WinogradTile::kF2, {1, 8, 8}, 256},
    {"F2/8x8_256_to_256_batch16", WinogradTile::kF2, {16, 8, 8}, 256},
    {"F2/4x4_256_to_256_batch1", WinogradTile::kF2, {1, 4, 4}, 256},
    {"F2/4x4_256_to_256_batch16", WinogradTile::kF2, {16, 4, 4}, 256},
    {"F4/256x256_128_to_128_batch1", WinogradTile::kF4, {1, 256, 256}, 128},
};

// The operands, and y of some pixels in float64.
struct Convolution {
  Convolution(const ConvolutionShape& shape_in, bool bf16_in)
      : shape(shape_in),
        bf16(bf16_in),
        pixels(shape.images.pixels()),
        x(some_values(pixels * shape.channels, 5)),
        weights(some_values(shape.channels * shape.channels * kTaps, 6, 0.1)),
        bias(some_values(shape.channels, 7)),
        compared(some_rows(pixels)),
        wanted(gemm_reference(neighbours(), taps(), std::ssize(compared), kTaps * shape.channels,
                              shape.channels)) {
    for (size_t i = 0; i < wanted.size(); ++i) {
      wanted[i] += static_cast<double>(bias[i % bias.size()]);
    }
  }

  // The 3x3 neighbours of the compared pixels, [compared][tap][channels].
  std::vector<double> neighbours() const {
    std::vector<double> rows;
    const int64_t height = shape.images.height, width = shape.images.width;
    for (const int64_t pixel : compared) {
      for (int64_t tap = 0; tap < kTaps; ++tap) {
        const int64_t r = pixel / width % height + tap / 3 - 1, c = pixel % width + tap % 3 - 1;
        const bool inside = r >= 0 && r < height && c >= 0 && c < width;
        const int64_t at = pixel + (tap / 3 - 1) * width + tap % 3 - 1;
        for (int64_t i = 0; i < shape.channels; ++i) {
          rows.push_back(
              inside ? static_cast<double>(x[static_cast<size_t>(at * shape.channels + i)]) : 0.0);
        }
      }
    }
    return rows;
  }
  // The weights as [tap][channels in][channels out].
  std::vector<double> taps() const {
    std::vector<double> matrix;
    for (int64_t k = 0; k < kTaps * shape.channels; ++k) {
      const int64_t tap = k / shape.channels, in = k % shape.channels;
      for (int64_t out = 0; out < shape.channels; ++out) {
        const int64_t at = (out * shape.channels + in) * kTaps + tap;
        matrix.push_back(static_cast<double>(weights[static_cast<size_t>(at)]));
      }
    }
    return matrix;
  }

  double operations() const {
    return 2.0 * static_cast<double>(pixels * kTaps * shape.channels * shape.channels);
  }
  // float32: that of the transforms and of a chain of multiply-adds, each as its test has it.
  // bfloat16: V's by its test, and as much for U.
  double tolerance() const {
    if (bf16) return 2 * (shape.tile == WinogradTile::kF4 ? 1.2e-2 : 4e-3);
    return 1e-6 + 1e-7 * static_cast<double>(shape.channels);
  }

  ConvolutionShape shape;
  bool bf16;
  int64_t pixels;
  std::vector<float> x, weights, bias;
  std::vector<int64_t> compared;
  std::vector<double> wanted;
};

class OurConvolution {
 public:
  explicit OurConvolution(const Convolution& convolution)
      : convolution_(convolution),
        tile_(convolution.shape.tile),
        channels_(convolution.shape.channels),
        grid_{tile_, convolution.shape.images.images, convolution.shape.images.height,
              convolution.shape.images.width},
        x_(in_blocks(convolution.x, convolution.pixels, channels_)),
        bias_(convolution.bias),
        u_(points() * u_stride()),
        u_bf16_(u_.size()),
        v_(points() * v_stride()),
        v_bf16_(v_.size()),
        m_(points() * m_stride()),
        y_(x_.size()) {
    for (int64_t p = 0; p < panels_of(channels_); ++p) transform_kernels(p);
  }

  void run() const {
    for (int64_t first = 0; first < grid_.tiles(); first += kTilesAtOnce) {
      transform(first);
      for (int64_t p = 0; p < panels_of(channels_); ++p) {
        multiply(first, p);
        for (int64_t b = 0; b < 2; ++b) transform_back(first, 2 * p + b, b);
      }
    }
  }
  // One of the transforms alone.
  void transform_all() const {
    for (int64_t first = 0; first < grid_.tiles(); first += kTilesAtOnce) transform(first);
  }
  void transform_all_back() const {
    for (int64_t first = 0; first < grid_.tiles(); first += kTilesAtOnce) {
      for (int64_t b = 0; b < blocks(); ++b) {
        transform_back(first, b, b % 2);
      }
    }
  }

  double error() const {
    return relative_rms(
        rows_of_blocks(y_.data(), convolution_.pixels, channels_, convolution_.compared),
        convolution_.wanted);
  }
  // Of the products between the transforms.
  double operations() const {
    return 2.0 * static_cast<double>(points() * grid_.tiles() * channels_ * channels_);
  }
  // That are read and written by each transform.
  double bytes_of_transform() const {
    const int64_t v_value = convolution_.bf16 ? 2 : 4;
    return static_cast<double>(channels_) *
           static_cast<double>(4 * convolution_.pixels + v_value * points() * grid_.tiles());
  }
  double bytes_of_transform_back() const {
    return 4.0 * static_cast<double>(channels_ * (convolution_.pixels + points() * grid_.tiles()));
  }

 private:
  int64_t blocks() const { return blocks_of(channels_); }
  int64_t points() const { return point_count(tile_); }
  int64_t u_stride() const { return packed_size(channels_, channels_); }
  int64_t v_stride() const { return blocks() * kTilesAtOnce * kLanes + kPadding; }
  int64_t m_stride() const { return kPanelColumns * kTilesAtOnce + kPadding; }
  int64_t count_from(int64_t first) const { return std::min(kTilesAtOnce, grid_.tiles() - first); }

  void transform(int64_t first) const {
    for (int64_t b = 0; b < blocks(); ++b) {
      const int64_t at = b * kTilesAtOnce * kLanes;
      kernels_.winograd_input({.grid = grid_,
                               .doubled = false,
                               .x = x_.data() + b * convolution_.pixels * kLanes,
                               .first = first,
                               .count = count_from(first),
                               .v = v_.data() + at,
                               .v_bf16 = convolution_.bf16 ? v_bf16_.data() + at : nullptr,
                               .point_stride = v_stride()});
    }
  }

  void multiply(int64_t first, int64_t panel) const {
    if (convolution_.bf16) {
      multiply<GemmPanelBf16>(kernels_.gemm_bf16, v_bf16_.data(), u_bf16_.data(), first, panel);
    } else {
      multiply<GemmPanel>(kernels_.gemm, v_.data(), u_.data(), first, panel);
    }
  }
  template <typename Call, typename Value>
  void multiply(void (*gemm)(const Call&), const Value* v, const Value* u, int64_t first,
                int64_t panel) const {
    std::vector<const Value*> a(static_cast<size_t>(blocks()));
    for (int64_t p = 0; p < points(); ++p) {
      for (int64_t b = 0; b < blocks(); ++b) {
        a[static_cast<size_t>(b)] = v + p * v_stride() + b * kTilesAtOnce * kLanes;
      }
      float* c = m_.data() + p * m_stride();
      gemm({.a = a.data(),
            .k_blocks = blocks(),
            .b = u + p * u_stride() + panel_offset(panel, channels_),
            .columns = kPanelColumns,
            .rows = count_from(first),
            .c = {c, c + kTilesAtOnce * kLanes}});
    }
  }

  // U of a panel.
  void transform_kernels(int64_t panel) const {
    Array<float> taps(kTaps * channels_ * kPanelColumns);
    pack_taps(convolution_.weights.data(), channels_, channels_, panel, taps.data());
    const int64_t at = panel_offset(panel, channels_);
    kernels_.winograd_weights({.tile = tile_,
                               .taps = taps.data(),
                               .k = channels_,
                               .columns = kPanelColumns,
                               .u = u_.data() + at,
                               .u_bf16 = convolution_.bf16 ? u_bf16_.data() + at : nullptr,
                               .point_stride = u_stride()});
  }

  // Block `block` of y from the block `at` of m.
  void transform_back(int64_t first, int64_t block, int64_t at) const {
    kernels_.winograd_output({.grid = grid_,
                              .m = m_.data() + at * kTilesAtOnce * kLanes,
                              .point_stride = m_stride(),
                              .first = first,
                              .count = count_from(first),
                              .bias = bias_.data() + block * kLanes,
                              .bias_stride = 0,
                              .residual = nullptr,
                              .scale = 1.0F,
                              .y = y_.data() + block * convolution_.pixels * kLanes});
  }

  const Convolution& convolution_;
  const Kernels& kernels_ = kernels_of(choose_cpu_path());
  WinogradTile tile_;
  int64_t channels_;
  TileGrid grid_;
  Array<float> x_, bias_, u_;
  Array<uint16_t> u_bf16_;
  Array<float> v_;
  Array<uint16_t> v_bf16_;
  Array<float> m_, y_;
};

void time_convolution(benchmark::State& state, const ConvolutionShape& shape, bool bf16) {
  const Convolution convolution(shape, bf16);
  const OurConvolution ours(convolution);
  Row row{.unit = "GF/s",
          .work = convolution.operations(),
          .limited = ours.operations(),
          .tolerance = convolution.tolerance(),
          .bound = multiply_adds(choose_cpu_path(), bf16),
          .ours = {"winograd", [&] { ours.run(); }, [&] { return ours.error(); }},
          .theirs = {}};
  for (const OnednnPrimitive& primitive :
       onednn_convolutions(bf16, shape.images, shape.channels, shape.channels, convolution.x,
                           convolution.weights, convolution.bias)) {
    row.theirs.push_back(
        {primitive.name, primitive.run, [&convolution, primitive] {
           return relative_rms(
               rows_of(primitive.result(), convolution.shape.channels, convolution.compared),
               convolution.wanted);
         }});
  }
  time_in_turn(state, row);
}

// A transform alone, verified by the whole convolution.
void time_transform(benchmark::State& state, const ConvolutionShape& shape, bool bf16, bool back) {
  const Convolution convolution(shape, bf16);
  const OurConvolution ours(convolution);
  const double bytes = back ? ours.bytes_of_transform_back() : ours.bytes_of_transform();
  const auto error = [&] {
    ours.run();
    return ours.error();
  };
  const auto run = [&] { back ? ours.transform_all_back() : ours.transform_all(); };
  time_in_turn(state, {.unit = "GB/s",
                       .work = bytes,
                       .limited = bytes,
                       .tolerance = convolution.tolerance(),
                       .bound = memory_pass(Pass::kCopy, static_cast<int64_t>(bytes)),
                       .ours = {"transform", run, error},
                       .theirs = {}});
}

void add_transform_row(int64_t rounds, WinogradTile tile, bool bf16, bool back) {
  const bool large = tile == WinogradTile::kF4;
  const ConvolutionShape shape{"", tile, {1, large ? 32 : 8, large ? 32 : 8}, large ? 128 : 256};
  add_row(concat(back ? "winograd_output/" : "winograd_input/", bf16 ? "bf16/" : "fp32/",
                 large ? "F4/32x32_128" : "F2/8x8_256"),
          rounds, [shape, bf16, back](benchmark::State& state) {
            time_transform(state, shape, bf16, back);
          });
}

}  // namespace

void add_winograd_rows(int64_t rounds) {
  for (const bool bf16 : {false, true}) {
    for (const ConvolutionShape& shape : kConvolutions) {
      add_row(concat("winograd/", bf16 ? "bf16/" : "fp32/", shape.name), rounds,
              [shape, bf16](benchmark::State& state) { time_convolution(state, shape, bf16); });
    }
  }
  for (const WinogradTile tile : {WinogradTile::kF4, WinogradTile::kF2}) {
    add_transform_row(rounds, tile, false, false);
    add_transform_row(rounds, tile, true, false);
    add_transform_row(rounds, tile, false, true);
  }
}

}  // namespace ddpm
