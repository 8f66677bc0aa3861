// Products of matrices as engine/multiply.cc asks for them, and what brings activations into shape
// for them.

#include <algorithm>

#include "ddpm/base/check.h"
#include "ddpm/testing/kernel_bench.h"
#include "ddpm/testing/onednn.h"
#include "ddpm/testing/test_arrays.h"

namespace ddpm {

namespace {

constexpr int64_t kRowsAtOnce = 64;  // as the engine takes them

// A [pixels][k] by B [k][columns].
struct ProductShape {
  const char* name;
  OnednnImages images;
  int64_t k;
  int64_t columns;
};

constexpr ProductShape kProducts[] = {
    {"winograd_point_128_to_128", {1, 8, 8}, 128, 128},
    {"winograd_point_256_to_256", {1, 8, 8}, 256, 256},
    {"attention_16x16_batch1", {1, 16, 16}, 256, 256},
    {"attention_16x16_batch16", {16, 16, 16}, 256, 256},
    {"1x1_32x32_384_to_128_batch1", {1, 32, 32}, 384, 128},
    {"1x1_32x32_384_to_128_batch16", {16, 32, 32}, 384, 128},
    {"1x1_16x16_512_to_256_batch1", {1, 16, 16}, 512, 256},
    {"1x1_16x16_512_to_256_batch16", {16, 16, 16}, 512, 256},
    {"1x1_8x8_512_to_256_batch1", {1, 8, 8}, 512, 256},
    {"1x1_8x8_512_to_256_batch16", {16, 8, 8}, 512, 256},
    {"1x1_4x4_512_to_256_batch1", {1, 4, 4}, 512, 256},
    {"1x1_4x4_512_to_256_batch16", {16, 4, 4}, 512, 256},
    {"1x1_256x256_256_to_128_batch1", {1, 256, 256}, 256, 128},
};

std::vector<float> as_multiplied(bool bf16, std::vector<float> values) {
  if (bf16) {
    for (float& value : values) value = from_bf16(to_bf16(value));
  }
  return values;
}

// The operands, and C of some rows in float64.
struct Product {
  Product(const ProductShape& shape_in, bool bf16_in)
      : shape(shape_in),
        bf16(bf16_in),
        rows(shape.images.pixels()),
        a(as_multiplied(bf16, some_values(rows * shape.k, 1))),
        b(as_multiplied(bf16, some_values(shape.k * shape.columns, 2))),
        compared(some_rows(rows)),
        wanted(gemm_reference(rows_of(a, shape.k, compared), {b.begin(), b.end()},
                              std::ssize(compared), shape.k, shape.columns)) {}

  double operations() const { return 2.0 * static_cast<double>(rows * shape.k * shape.columns); }
  // Of a chain of k multiply-adds of numbers around 1, as gemm_test.cc has it.
  double tolerance() const { return 1e-7 * static_cast<double>(shape.k) + (bf16 ? 2e-7 : 0.0); }

  ProductShape shape;
  bool bf16;
  int64_t rows;
  std::vector<float> a, b;
  std::vector<int64_t> compared;
  std::vector<double> wanted;
};

// Ours of it: A in blocks, B in panels.
class OurProduct {
 public:
  explicit OurProduct(const Product& product)
      : product_(product),
        k_blocks_(blocks_of(product.shape.k)),
        columns_(product.shape.columns),
        a_(in_blocks(product.a, product.rows, product.shape.k)),
        a_bf16_(a_.size()),
        panels_(packed_size(k_blocks_ * kLanes, columns_)),
        panels_bf16_(panels_.size()),
        c_(blocks_of(columns_) * product.rows * kLanes) {
    pack_panels(
        product.shape.k, columns_,
        [&](int64_t k, int64_t j) { return product.b[static_cast<size_t>(k * columns_ + j)]; },
        panels_.data());
    panels_to_bf16(panels_.data(), k_blocks_, columns_, panels_bf16_.data());
    kernels_.to_bf16(a_.data(), a_.size(), a_bf16_.data());
  }

  void run() const {
    if (product_.bf16) {
      multiply<GemmPanelBf16>(kernels_.gemm_bf16, a_bf16_.data(), panels_bf16_.data());
    } else {
      multiply<GemmPanel>(kernels_.gemm, a_.data(), panels_.data());
    }
  }

  double error() const {
    return relative_rms(rows_of_blocks(c_.data(), product_.rows, columns_, product_.compared),
                        product_.wanted);
  }

 private:
  template <typename Call, typename Value>
  void multiply(void (*gemm)(const Call&), const Value* a, const Value* panels) const {
    const int64_t rows = product_.rows;
    std::vector<const Value*> places(static_cast<size_t>(k_blocks_));
    for (int64_t first = 0; first < rows; first += kRowsAtOnce) {
      for (int64_t b = 0; b < k_blocks_; ++b) {
        places[static_cast<size_t>(b)] = a + (b * rows + first) * kLanes;
      }
      for (int64_t p = 0; p < panels_of(columns_); ++p) {
        float* c = c_.data() + (2 * p * rows + first) * kLanes;
        gemm({.a = places.data(),
              .k_blocks = k_blocks_,
              .b = panels + panel_offset(p, k_blocks_ * kLanes),
              .columns = columns_of_panel(p, columns_),
              .rows = std::min(kRowsAtOnce, rows - first),
              .c = {c, c + rows * kLanes}});
      }
    }
  }

  const Product& product_;
  const Kernels& kernels_ = kernels_of(choose_cpu_path());
  int64_t k_blocks_, columns_;
  Array<float> a_;
  Array<uint16_t> a_bf16_;
  Array<float> panels_;
  Array<uint16_t> panels_bf16_;
  Array<float> c_;
};

void time_product(benchmark::State& state, const ProductShape& shape, bool bf16) {
  const Product product(shape, bf16);
  const OurProduct ours(product);
  Row row{.unit = "GF/s",
          .work = product.operations(),
          .limited = product.operations(),
          .tolerance = product.tolerance(),
          .bound = multiply_adds(choose_cpu_path(), bf16),
          .ours = {"gemm", [&] { ours.run(); }, [&] { return ours.error(); }},
          .theirs = {}};
  for (const OnednnPrimitive& primitive :
       onednn_products(bf16, shape.images, shape.k, shape.columns, product.a, product.b)) {
    row.theirs.push_back(
        {primitive.name, primitive.run, [&product, primitive] {
           return relative_rms(rows_of(primitive.result(), product.shape.columns, product.compared),
                               product.wanted);
         }});
  }
  time_in_turn(state, row);
}

// An activation that becomes B, or its transpose. Both extents are multiples of 32.
struct PackShape {
  int64_t rows;
  int64_t channels;
  bool transposed;
  bool bf16;
};

// The same copy from strides to strides: panel, half of a panel, row of it, value; see gemm.h.
OnednnReorder reorder_of(const PackShape& shape) {
  const int64_t rows = shape.rows, blocks = shape.channels / kLanes, panel = kPanelColumns;
  if (!shape.transposed) {
    OnednnReorder same{.bf16 = shape.bf16,
                       .extents = {blocks / 2, 2, rows / 2, 2, kLanes},
                       .from = {2 * rows * kLanes, rows * kLanes, 2 * kLanes, kLanes, 1},
                       .to = {panel * rows, kLanes, 2 * panel, panel, 1}};
    if (shape.bf16) same.to = {panel * rows, 2 * kLanes, 2 * panel, 1, 2};
    return same;
  }
  OnednnReorder turned{.bf16 = shape.bf16,
                       .extents = {rows / panel, panel, blocks, kLanes / 2, 2},
                       .from = {panel * kLanes, kLanes, rows * kLanes, 2, 1},
                       .to = {panel * shape.channels, 1, kLanes * panel, 2 * panel, panel}};
  if (shape.bf16) turned.to = {panel * shape.channels, 2, kLanes * panel, 2 * panel, 1};
  return turned;
}

// The panels by pack_panels, from the activation [rows][channels].
std::vector<double> wanted_panels(const PackShape& shape, const std::vector<float>& a) {
  const int64_t k = shape.transposed ? shape.channels : shape.rows;
  const int64_t columns = shape.transposed ? shape.rows : shape.channels;
  std::vector<float> panels(a.size());
  pack_panels(
      k, columns,
      [&](int64_t i, int64_t j) {
        return a[static_cast<size_t>(shape.transposed ? j * shape.channels + i
                                                      : i * shape.channels + j)];
      },
      panels.data());
  if (!shape.bf16) return {panels.begin(), panels.end()};
  std::vector<uint16_t> narrow(panels.size());
  panels_to_bf16(panels.data(), blocks_of(k), columns, narrow.data());
  std::vector<double> wanted;
  for (const uint16_t value : narrow) wanted.push_back(static_cast<double>(from_bf16(value)));
  return wanted;
}

// A row of something that only moves float32 values: errors are exactly 0.
Row moving_row(int64_t values, bool bf16) {
  const int64_t bytes = values * (bf16 ? 6 : 8);  // read and written
  return {.unit = "GB/s",
          .work = static_cast<double>(bytes),
          .limited = static_cast<double>(bytes),
          .tolerance = 0.0,
          .bound = memory_pass(bf16 ? Pass::kTwoToOne : Pass::kCopy, bytes),
          .ours = {},
          .theirs = {}};
}

void add_reorder(Row& row, const OnednnReorder& reorder, const std::vector<float>& from,
                 const std::vector<double>& wanted) {
  for (const OnednnPrimitive& primitive : onednn_reorder(reorder, from)) {
    row.theirs.push_back({primitive.name, primitive.run, [primitive, &wanted] {
                            return largest_error(primitive.result().data(), wanted);
                          }});
  }
}

void time_packing(benchmark::State& state, const PackShape& shape) {
  const Kernels& kernels = kernels_of(choose_cpu_path());
  const auto values = some_values(shape.rows * shape.channels, 3);
  const auto wanted = wanted_panels(shape, values);
  const Array<float> blocks = in_blocks(values, shape.rows, shape.channels);
  std::vector<const float*> places;
  for (int64_t b = 0; b < blocks_of(shape.channels); ++b) {
    places.push_back(blocks.data() + b * shape.rows * kLanes);
  }
  const Array<float> panels(blocks.size());
  const Array<uint16_t> panels_bf16(blocks.size());
  const PackActivation call{.a = places.data(),
                            .a_blocks = std::ssize(places),
                            .rows = shape.rows,
                            .panels = panels.data(),
                            .panels_bf16 = shape.bf16 ? panels_bf16.data() : nullptr};
  const auto pack = shape.transposed ? kernels.pack_transposed : kernels.pack_activation;
  Row row = moving_row(blocks.size(), shape.bf16);
  row.ours = {"pack", [&] { pack(call); },
              [&] {
                return largest_error(shape.bf16 ? widened(panels_bf16).data() : panels.data(),
                                     wanted);
              }};
  add_reorder(row, reorder_of(shape), {blocks.data(), blocks.data() + blocks.size()}, wanted);
  time_in_turn(state, row);
}

void time_narrowing(benchmark::State& state, int64_t count) {
  const Kernels& kernels = kernels_of(choose_cpu_path());
  const Array<float> x(some_values(count, 4));
  const Array<uint16_t> narrow(count);
  std::vector<double> wanted;
  for (int64_t i = 0; i < count; ++i) {
    wanted.push_back(static_cast<double>(from_bf16(to_bf16(x[i]))));
  }
  Row row = moving_row(count, true);
  row.ours = {"to_bf16", [&] { kernels.to_bf16(x.data(), count, narrow.data()); },
              [&] { return largest_error(widened(narrow).data(), wanted); }};
  add_reorder(row, {.bf16 = true, .extents = {count}, .from = {1}, .to = {1}},
              {x.data(), x.data() + count}, wanted);
  time_in_turn(state, row);
}

}  // namespace

void add_gemm_rows(int64_t rounds) {
  for (const bool bf16 : {false, true}) {
    const std::string number = bf16 ? "bf16/" : "fp32/";
    for (const ProductShape& shape : kProducts) {
      add_row(concat("gemm/", number, shape.name), rounds,
              [shape, bf16](benchmark::State& state) { time_product(state, shape, bf16); });
    }
    for (const bool transposed : {false, true}) {
      for (const int64_t rows : {256, 1024}) {
        const PackShape shape{rows, 256, transposed, bf16};
        add_row(concat(transposed ? "pack_transposed/" : "pack_activation/", number, rows, "x256"),
                rounds, [shape](benchmark::State& state) { time_packing(state, shape); });
      }
    }
  }
  for (const int64_t rows : {64, 4096}) {
    add_row(concat("to_bf16/", rows, "x256"), rounds,
            [rows](benchmark::State& state) { time_narrowing(state, rows * 256); });
  }
}

}  // namespace ddpm
