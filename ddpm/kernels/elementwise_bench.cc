// What is done to single values: normalisation, SiLU, softmax, the end of a product.

#include <algorithm>
#include <cmath>

#include "ddpm/base/check.h"
#include "ddpm/testing/kernel_bench.h"
#include "ddpm/testing/onednn.h"
#include "ddpm/testing/test_arrays.h"

namespace ddpm {

namespace {

// An activation of the network.
struct ActivationShape {
  const char* name;
  int64_t images;
  int64_t pixels;  // of one image
  int64_t channels;

  int64_t values() const { return images * pixels * channels; }
  // Runs of the pixels of an image, for 16 channels each.
  int64_t runs() const { return images * blocks_of(channels); }
};

constexpr ActivationShape kActivations[] = {
    {"32x32_128_batch1", 1, 1024, 128},    {"32x32_128_batch16", 16, 1024, 128},
    {"16x16_256_batch1", 1, 256, 256},     {"16x16_256_batch16", 16, 256, 256},
    {"8x8_256_batch16", 16, 64, 256},      {"4x4_256_batch16", 16, 16, 256},
    {"256x256_128_batch1", 1, 65536, 128},
};

Row memory_row(Pass pass, int64_t bytes, double tolerance) {
  return {.unit = "GB/s",
          .work = static_cast<double>(bytes),
          .limited = static_cast<double>(bytes),
          .tolerance = tolerance,
          .bound = memory_pass(pass, bytes),
          .ours = {},
          .theirs = {}};
}

// The largest error of a run's moments, relative to its standard deviation and its variance.
double error_of(const float* x, int64_t pixels, const Moments& moments) {
  double largest = 0.0;
  for (int64_t lane = 0; lane < kLanes; ++lane) {
    double mean = 0.0, deviations = 0.0;
    for (int64_t i = 0; i < pixels; ++i) mean += static_cast<double>(x[i * kLanes + lane]);
    mean /= static_cast<double>(pixels);
    for (int64_t i = 0; i < pixels; ++i) {
      const double off = static_cast<double>(x[i * kLanes + lane]) - mean;
      deviations += off * off;
    }
    const double off =
        std::abs(moments.mean[lane] - mean) / std::sqrt(deviations / static_cast<double>(pixels));
    const double spread = std::abs(moments.deviations[lane] / deviations - 1.0);
    largest = std::max({largest, off, spread});
  }
  return largest;
}

void time_moments(benchmark::State& state, const ActivationShape& shape) {
  const Kernels& kernels = kernels_of(choose_cpu_path());
  const Array<float> x(some_values(shape.values(), 8));
  std::vector<Moments> moments(static_cast<size_t>(shape.runs()));
  const int64_t stride = shape.pixels * kLanes;
  const auto run = [&] {
    for (int64_t i = 0; i < shape.runs(); ++i) {
      kernels.moments(x.data() + i * stride, shape.pixels, &moments[static_cast<size_t>(i)]);
    }
  };
  const auto error = [&] {
    double largest = 0.0;
    for (int64_t i = 0; i < shape.runs(); ++i) {
      largest = std::max(
          largest, error_of(x.data() + i * stride, shape.pixels, moments[static_cast<size_t>(i)]));
    }
    return largest;
  };
  Row row = memory_row(Pass::kRead, 4 * shape.values(), 1e-6);
  row.ours = {"moments", run, error};
  time_in_turn(state, row);
}

void time_normalise(benchmark::State& state, const ActivationShape& shape, bool silu, bool bf16) {
  const Kernels& kernels = kernels_of(choose_cpu_path());
  const Array<float> x(some_values(shape.values(), 9)), y(shape.values());
  const Array<uint16_t> y_bf16(shape.values());
  const Array<float> mean(some_values(kLanes, 10)), gain(some_values(kLanes, 11)),
      shift(some_values(kLanes, 12));
  const auto run = [&] {
    for (int64_t at = 0; at < shape.values(); at += shape.pixels * kLanes) {
      kernels.normalise({.x = x.data() + at,
                         .pixels = shape.pixels,
                         .mean = mean.data(),
                         .gain = gain.data(),
                         .shift = shift.data(),
                         .silu = silu,
                         .y = bf16 ? nullptr : y.data() + at,
                         .y_bf16 = bf16 ? y_bf16.data() + at : nullptr});
    }
  };
  std::vector<double> wanted;
  for (int64_t i = 0; i < shape.values(); ++i) {
    const int64_t lane = i % kLanes;
    const double off = static_cast<double>(x[i]) - static_cast<double>(mean[lane]);
    const double linear = off * static_cast<double>(gain[lane]) + static_cast<double>(shift[lane]);
    wanted.push_back(silu ? silu_reference(linear) : linear);
  }
  const auto error = [&] {
    return largest_error(bf16 ? widened(y_bf16).data() : y.data(), wanted);
  };
  Row row = memory_row(bf16 ? Pass::kTwoToOne : Pass::kCopy, (bf16 ? 6 : 8) * shape.values(),
                       bf16 ? 4e-3 : 1e-6);
  row.ours = {"normalise", run, error};
  time_in_turn(state, row);
}

// Some values around 0, and others that SiLU leaves as they are: in place, again and again, it
// would make most numbers subnormal, which are slow.
std::vector<float> values_for_silu(int64_t count) {
  constexpr int64_t kAroundZero = 1024;
  std::vector<float> values = some_values(count, 13);
  for (size_t i = kAroundZero; i < values.size(); ++i) values[i] = 40.0F + values[i];
  return values;
}

void time_silu(benchmark::State& state, const ActivationShape& shape) {
  const Kernels& kernels = kernels_of(choose_cpu_path());
  const std::vector<float> values = values_for_silu(shape.values());
  const Array<float> x(values);
  std::vector<double> wanted;
  for (const float value : values) wanted.push_back(silu_reference(static_cast<double>(value)));
  Row row = memory_row(Pass::kInPlace, 8 * shape.values(), 1e-6);
  row.ours = {"silu", [&] { kernels.silu(x.data(), x.size()); },
              [&] { return largest_error(x.data(), wanted); }};
  for (const OnednnPrimitive& primitive : onednn_silu(values)) {
    row.theirs.push_back({primitive.name, primitive.run, [&wanted, primitive] {
                            return largest_error(primitive.result().data(), wanted);
                          }});
  }
  time_in_turn(state, row);
}

void time_finish(benchmark::State& state, const ActivationShape& shape) {
  const Kernels& kernels = kernels_of(choose_cpu_path());
  const Array<float> c(some_values(shape.values(), 14)), residual(some_values(shape.values(), 15)),
      bias(some_values(kLanes, 16)), y(shape.values());
  std::vector<double> wanted;
  for (int64_t i = 0; i < shape.values(); ++i) {
    wanted.push_back(0.5 * (static_cast<double>(c[i]) + static_cast<double>(bias[i % kLanes]) +
                            static_cast<double>(residual[i])));
  }
  const auto run = [&] {
    kernels.finish({.c = c.data(),
                    .rows = shape.values() / kLanes,
                    .bias = bias.data(),
                    .residual = residual.data(),
                    .scale = 0.5F,
                    .y = y.data()});
  };
  Row row = memory_row(Pass::kTwoToOne, 12 * shape.values(), 1e-6);
  row.ours = {"finish", run, [&] { return largest_error(y.data(), wanted); }};
  time_in_turn(state, row);
}

// Rows of scores, and what is wanted of them.
struct Scores {
  Scores(int64_t rows_in, int64_t columns_in, bool bf16_in)
      : rows(rows_in), columns(columns_in), bf16(bf16_in), s(some_values(rows * columns, 17, 4.0)) {
    p.assign(s.begin(), s.end());
    for (int64_t row = 0; row < rows; ++row) softmax_reference(p.data() + row * columns, columns);
  }

  // The largest error over the bound of elementwise.h; got(row, column).
  template <typename Got>
  double error(const Got& got) const {
    double largest = 0.0;
    for (int64_t row = 0; row < rows; ++row) {
      const auto scores = s.begin() + row * columns;
      const float top = *std::max_element(scores, scores + columns);
      for (int64_t c = 0; c < columns; ++c) {
        const double wanted = p[static_cast<size_t>(row * columns + c)];
        const double far = static_cast<double>(top) - static_cast<double>(scores[c]);
        const double bound =
            (bf16 ? 4e-3 : 0.0) + 4e-7 + 6e-8 * far + 4e-9 * static_cast<double>(columns);
        const double error = std::abs(static_cast<double>(got(row, c)) / wanted - 1.0) / bound;
        if (!(error <= largest)) largest = error;
      }
    }
    return largest;
  }

  int64_t rows, columns;
  bool bf16;
  std::vector<float> s;
  std::vector<double> p;
};

constexpr int64_t kRowsAtOnce = 64;  // as the engine holds them

// Ours works in place on what it has made of the scores before: as many operations, whatever they
// are. So does oneDNN's.
void time_softmax(benchmark::State& state, int64_t rows, int64_t columns, bool bf16) {
  const Kernels& kernels = kernels_of(choose_cpu_path());
  const Scores scores(rows, columns, bf16);
  const auto place_of = [&](int64_t row, int64_t c) {
    const int64_t part = row / kRowsAtOnce * kRowsAtOnce;
    return part * columns + (c / kLanes * kRowsAtOnce + row - part) * kLanes + c % kLanes;
  };
  const Array<float> s(rows * columns);
  const Array<uint16_t> narrow(s.size());
  for (int64_t i = 0; i < s.size(); ++i) {
    s[place_of(i / columns, i % columns)] = scores.s[static_cast<size_t>(i)];
  }
  const auto run = [&] {
    for (int64_t at = 0; at < s.size(); at += kRowsAtOnce * columns) {
      kernels.softmax({.s = s.data() + at,
                       .block_stride = kRowsAtOnce * kLanes,
                       .rows = kRowsAtOnce,
                       .columns = columns,
                       .p_bf16 = bf16 ? narrow.data() + at : nullptr});
    }
  };
  const auto error = [&] {
    return scores.error([&](int64_t row, int64_t c) {
      const int64_t at = place_of(row, c);
      return bf16 ? from_bf16(narrow[at]) : s[at];
    });
  };
  Row row =
      memory_row(bf16 ? Pass::kTwoToOne : Pass::kInPlace, (bf16 ? 6 : 8) * rows * columns, 1.0);
  row.ours = {"softmax", run, error};
  for (const OnednnPrimitive& primitive : onednn_softmax(bf16, rows, columns, scores.s)) {
    row.theirs.push_back({primitive.name, primitive.run, [&scores, primitive] {
                            const std::vector<float> p = primitive.result();
                            return scores.error([&](int64_t r, int64_t c) {
                              return p[static_cast<size_t>(r * scores.columns + c)];
                            });
                          }});
  }
  time_in_turn(state, row);
}

void add_activation_rows(int64_t rounds, const ActivationShape& shape) {
  add_row(concat("moments/", shape.name), rounds,
          [shape](benchmark::State& state) { time_moments(state, shape); });
  for (const bool silu : {false, true}) {
    for (const bool bf16 : {false, true}) {
      add_row(concat(silu ? "normalise_silu/" : "normalise/", bf16 ? "bf16/" : "fp32/", shape.name),
              rounds, [shape, silu, bf16](benchmark::State& state) {
                time_normalise(state, shape, silu, bf16);
              });
    }
  }
  add_row(concat("silu/", shape.name), rounds,
          [shape](benchmark::State& state) { time_silu(state, shape); });
  add_row(concat("finish/", shape.name), rounds,
          [shape](benchmark::State& state) { time_finish(state, shape); });
}

}  // namespace

void add_elementwise_rows(int64_t rounds) {
  for (const ActivationShape& shape : kActivations) add_activation_rows(rounds, shape);
  for (const bool bf16 : {false, true}) {
    for (const int64_t rows : {kRowsAtOnce, 64 * kRowsAtOnce}) {
      for (const int64_t columns : {256, 1024}) {
        add_row(concat("softmax/", bf16 ? "bf16/" : "fp32/", rows, "x", columns), rounds,
                [rows, columns, bf16](benchmark::State& state) {
                  time_softmax(state, rows, columns, bf16);
                });
      }
    }
  }
}

}  // namespace ddpm
