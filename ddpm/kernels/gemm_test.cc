#include "ddpm/kernels/gemm.h"

#include <gtest/gtest.h>

#include <limits>

#include "ddpm/kernels/kernels.h"
#include "ddpm/testing/test_arrays.h"

namespace ddpm {
namespace {

// A product of random matrices by one path, in both number types.
struct Product {
  Product(int64_t rows_in, int64_t k_in, int64_t columns_in)
      : rows(rows_in),
        k(k_in),
        columns(columns_in),
        a(random_values(rows * k, 1)),
        b(random_values(k * columns, 2)) {}

  std::vector<float> packed(const std::vector<double>& from) const {
    std::vector<float> panels(static_cast<size_t>(packed_size(blocks_of(k) * kLanes, columns)));
    pack_panels(
        k, columns,
        [&](int64_t i, int64_t j) { return from[static_cast<size_t>(i * columns + j)]; },
        panels.data());
    return panels;
  }

  // Calls run(panel, c) with the panel's number and the places of its columns in C.
  template <typename Run>
  std::vector<double> each_panel(const Run& run) const {
    Guarded<float> c(blocks_of(columns) * rows * kLanes);
    for (int64_t p = 0; p < panels_of(columns); ++p) {
      float* first = c.data() + p * 2 * rows * kLanes;
      run(p, first, first + rows * kLanes);
    }
    EXPECT_TRUE(c.guards_hold());
    return from_blocks(c.data(), rows, columns);
  }

  std::vector<double> by(const Kernels& kernels) const {
    Guarded<float> blocks = to_blocks(a, rows, k);
    std::vector<const float*> places;
    for (int64_t i = 0; i < blocks_of(k); ++i) {
      places.push_back(blocks.data() + i * rows * kLanes);
    }
    const std::vector<float> panels = packed(b);
    return each_panel([&](int64_t p, float* c0, float* c1) {
      kernels.gemm({.a = places.data(),
                    .k_blocks = blocks_of(k),
                    .b = panels.data() + panel_offset(p, blocks_of(k) * kLanes),
                    .columns = columns_of_panel(p, columns),
                    .rows = rows,
                    .c = {c0, c1}});
    });
  }

  std::vector<double> by_bf16(const Kernels& kernels) const {
    Guarded<float> wide = to_blocks(a, rows, k);
    Guarded<uint16_t> blocks(wide.size());
    kernels.to_bf16(wide.data(), wide.size(), blocks.data());
    EXPECT_TRUE(blocks.guards_hold());
    std::vector<const uint16_t*> places;
    for (int64_t i = 0; i < blocks_of(k); ++i) {
      places.push_back(blocks.data() + i * rows * kLanes);
    }
    const std::vector<float> panels = packed(b);
    std::vector<uint16_t> narrow(panels.size());
    panels_to_bf16(panels.data(), blocks_of(k), columns, narrow.data());
    return each_panel([&](int64_t p, float* c0, float* c1) {
      kernels.gemm_bf16({.a = places.data(),
                         .k_blocks = blocks_of(k),
                         .b = narrow.data() + panel_offset(p, blocks_of(k) * kLanes),
                         .columns = columns_of_panel(p, columns),
                         .rows = rows,
                         .c = {c0, c1}});
    });
  }

  int64_t rows, k, columns;
  std::vector<double> a, b;
};

// Of a chain of k multiply-adds of numbers around 1: far below k roundings of the largest sum.
double bound(int64_t k) { return 1e-7 * static_cast<double>(k); }

TEST(Gemm, EveryRemainderOfRowsAndColumnsAgreesWithTheDefinition) {
  for (const CpuPath path : available_cpu_paths()) {
    const Kernels& kernels = kernels_of(path);
    for (int64_t rows = 1; rows <= 27; ++rows) {
      for (const int64_t columns : {1, 15, 16, 17, 32, 33, 48, 49, 70}) {
        const Product product(rows, 35, columns);
        const auto wanted = gemm_reference(product.a, product.b, rows, 35, columns);
        EXPECT_LE(relative_rms(product.by(kernels), wanted), bound(35))
            << name_of(path) << ' ' << rows << 'x' << columns;
      }
    }
  }
}

TEST(Gemm, EveryRemainderOfKAgreesWithTheDefinition) {
  for (const CpuPath path : available_cpu_paths()) {
    for (int64_t k = 1; k <= 67; ++k) {
      const Product product(5, k, 40);
      const auto wanted = gemm_reference(product.a, product.b, 5, k, 40);
      EXPECT_LE(relative_rms(product.by(kernels_of(path)), wanted), bound(k))
          << name_of(path) << ' ' << k;
    }
  }
}

TEST(Gemm, OfBfloat16NumbersIsExactToTheSumsInFloat32) {
  for (const CpuPath path : available_cpu_paths()) {
    for (const int64_t k : {1, 2, 16, 31, 64, 200}) {
      Product product(7, k, 50);
      product.a = rounded_to_bf16(product.a);
      product.b = rounded_to_bf16(product.b);
      const auto wanted = gemm_reference(product.a, product.b, 7, k, 50);
      EXPECT_LE(relative_rms(product.by_bf16(kernels_of(path)), wanted), bound(k) + 2e-7)
          << name_of(path) << ' ' << k;
    }
  }
}

TEST(Gemm, RoundsItsInputsToBfloat16) {
  for (const CpuPath path : available_cpu_paths()) {
    const Product product(9, 100, 33);
    const auto wanted =
        gemm_reference(rounded_to_bf16(product.a), rounded_to_bf16(product.b), 9, 100, 33);
    EXPECT_LE(relative_rms(product.by_bf16(kernels_of(path)), wanted), bound(100)) << name_of(path);
  }
}

TEST(Gemm, ARowsBitsDoNotDependOnItsNeighbours) {
  for (const CpuPath path : available_cpu_paths()) {
    const Kernels& kernels = kernels_of(path);
    const int64_t k = 48, columns = 48;
    const Product all(23, k, columns);
    const auto together = all.by(kernels), together_bf16 = all.by_bf16(kernels);
    for (int64_t row = 0; row < all.rows; ++row) {
      Product alone(1, k, columns);
      alone.a.assign(all.a.begin() + row * k, all.a.begin() + (row + 1) * k);
      const auto at = static_cast<size_t>(row * columns);
      const auto part = [&](const std::vector<double>& whole) {
        return std::vector<double>(whole.begin() + static_cast<int64_t>(at),
                                   whole.begin() + static_cast<int64_t>(at) + columns);
      };
      EXPECT_EQ(alone.by(kernels), part(together)) << name_of(path) << ' ' << row;
      EXPECT_EQ(alone.by_bf16(kernels), part(together_bf16)) << name_of(path) << ' ' << row;
    }
  }
}

// What pack_panels makes of the same matrix.
std::vector<float> wanted_panels(const std::vector<double>& a, int64_t rows, int64_t channels,
                                 bool transposed) {
  const int64_t k = transposed ? channels : rows, columns = transposed ? rows : channels;
  std::vector<float> panels(static_cast<size_t>(packed_size(blocks_of(k) * kLanes, columns)));
  pack_panels(
      k, columns,
      [&](int64_t i, int64_t j) {
        return a[static_cast<size_t>(transposed ? j * channels + i : i * channels + j)];
      },
      panels.data());
  return panels;
}

TEST(PackActivation, MakesThePanelsOfTheMatrixAndOfItsTransposeInBothNumberTypes) {
  for (const CpuPath path : available_cpu_paths()) {
    for (const bool transposed : {false, true}) {
      const Kernels& kernels = kernels_of(path);
      const auto pack = transposed ? kernels.pack_transposed : kernels.pack_activation;
      for (int64_t rows = 1; rows <= 67; ++rows) {
        for (const int64_t channels : {5, 16, 32, 40}) {
          const auto a = random_values(rows * channels, 3);
          Guarded<float> blocks = to_blocks(a, rows, channels);
          std::vector<const float*> places;
          for (int64_t b = 0; b < blocks_of(channels); ++b) {
            places.push_back(blocks.data() + b * rows * kLanes);
          }
          const auto wanted = wanted_panels(a, rows, channels, transposed);
          Guarded<float> panels(std::ssize(wanted));
          Guarded<uint16_t> narrow(std::ssize(wanted));
          PackActivation call{places.data(), std::ssize(places), rows, panels.data(), nullptr};
          pack(call);
          call.panels_bf16 = narrow.data();
          pack(call);
          EXPECT_TRUE(panels.guards_hold() && narrow.guards_hold());
          std::vector<uint16_t> wanted_narrow(wanted.size());
          panels_to_bf16(wanted.data(), blocks_of(transposed ? channels : rows),
                         transposed ? rows : channels, wanted_narrow.data());
          EXPECT_EQ(std::vector<float>(panels.data(), panels.data() + panels.size()), wanted)
              << name_of(path) << ' ' << rows << ' ' << channels << ' ' << transposed;
          EXPECT_EQ(std::vector<uint16_t>(narrow.data(), narrow.data() + narrow.size()),
                    wanted_narrow)
              << name_of(path) << ' ' << rows << ' ' << channels << ' ' << transposed;
        }
      }
    }
  }
}

TEST(ToBf16, RoundsToTheNearestAndTiesToEven) {
  EXPECT_EQ(to_bf16(1.0F), 0x3f80);
  EXPECT_EQ(to_bf16(1.0F + 1.0F / 256), 0x3f80);  // a tie, to the even one below
  EXPECT_EQ(to_bf16(1.0F + 3.0F / 256), 0x3f82);  // a tie, to the even one above
  EXPECT_EQ(to_bf16(1.0F + 1.1F / 256), 0x3f81);
  EXPECT_EQ(to_bf16(-0.0F), 0x8000);
  EXPECT_EQ(to_bf16(std::numeric_limits<float>::infinity()), 0x7f80);
  for (const CpuPath path : available_cpu_paths()) {
    Guarded<float> x(48);
    for (int64_t i = 0; i < 48; ++i) {
      x[i] = (1.0F + static_cast<float>(i) / 512) * (i % 2 == 0 ? 1.0F : -1.0F);
    }
    Guarded<uint16_t> rounded(48);
    kernels_of(path).to_bf16(x.data(), 48, rounded.data());
    EXPECT_TRUE(rounded.guards_hold());
    for (int64_t i = 0; i < 48; ++i) EXPECT_EQ(rounded[i], to_bf16(x[i])) << name_of(path) << i;
  }
}

}  // namespace
}  // namespace ddpm
