#include "ddpm/kernels/elementwise.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <limits>

#include "ddpm/kernels/kernels.h"
#include "ddpm/testing/test_arrays.h"

namespace ddpm {
namespace {

std::vector<float> narrow(const std::vector<double>& values) {
  return {values.begin(), values.end()};
}

TEST(Silu, IsWithinAFewRoundingsEverywhere) {
  for (const CpuPath path : available_cpu_paths()) {
    double worst = 0.0;
    for (double from = -80.0; from < 80.0; from += 0.16) {
      Guarded<float> x(16);
      double wanted[16];
      for (int64_t i = 0; i < 16; ++i) {
        x[i] = static_cast<float>(from + 0.01 * static_cast<double>(i));
        wanted[i] = silu_reference(static_cast<double>(x[i]));
      }
      kernels_of(path).silu(x.data(), 16);
      EXPECT_TRUE(x.guards_hold());
      for (int64_t i = 0; i < 16; ++i) {
        if (wanted[i] == 0.0) continue;
        worst = std::max(worst, std::abs(static_cast<double>(x[i]) / wanted[i] - 1.0));
      }
    }
    EXPECT_LE(worst, 4e-7) << name_of(path);
  }
}

TEST(Silu, OfWhatIsFarOutIsNothingOrTheSame) {
  const float infinity = std::numeric_limits<float>::infinity();
  for (const CpuPath path : available_cpu_paths()) {
    float x[16] = {0.0F, -0.0F, 100.0F, 1e30F, -100.0F, -1e4F, infinity, std::nanf("")};
    kernels_of(path).silu(x, 16);
    EXPECT_EQ(x[0], 0.0F);
    EXPECT_EQ(x[1], 0.0F);
    EXPECT_EQ(x[2], 100.0F);
    EXPECT_EQ(x[3], 1e30F);
    EXPECT_LE(std::abs(x[4]), 1e-35F);
    EXPECT_LE(std::abs(x[5]), 1e-33F);
    EXPECT_EQ(x[6], infinity);
    EXPECT_TRUE(std::isnan(x[7])) << name_of(path);
  }
}

TEST(Moments, OfEveryCountOfPixelsAreThoseOfTheDefinition) {
  for (const CpuPath path : available_cpu_paths()) {
    for (const int64_t pixels : {1, 2, 3, 4, 5, 63, 64, 65, 67, 128, 200, 1024}) {
      // far from 0: what subtracts two large numbers loses all digits here
      auto values = random_values(pixels * kLanes, 7);
      for (size_t i = 0; i < values.size(); ++i) {
        values[i] = static_cast<double>(
            static_cast<float>(values[i] + 1000.0 * static_cast<double>(i % 16)));
      }
      const std::vector<float> x = narrow(values);
      Moments got;
      kernels_of(path).moments(x.data(), pixels, &got);
      for (size_t lane = 0; lane < 16; ++lane) {
        double mean = 0.0, deviations = 0.0;
        for (size_t i = lane; i < values.size(); i += 16) mean += values[i];
        mean /= static_cast<double>(pixels);
        for (size_t i = lane; i < values.size(); i += 16) {
          deviations += (values[i] - mean) * (values[i] - mean);
        }
        EXPECT_NEAR(got.mean[lane], mean, 1e-7) << name_of(path) << ' ' << pixels;
        EXPECT_NEAR(got.deviations[lane], deviations, 1e-6 * deviations)
            << name_of(path) << ' ' << pixels << ' ' << lane;
      }
    }
  }
}

TEST(Normalise, ScalesAndShiftsEachChannelAndMayTakeItsSilu) {
  const auto values = random_values(37 * kLanes, 8);
  const auto mean = narrow(random_values(kLanes, 9)), gain = narrow(random_values(kLanes, 10)),
             shift = narrow(random_values(kLanes, 11));
  for (const CpuPath path : available_cpu_paths()) {
    for (const bool silu : {false, true}) {
      const std::vector<float> x = narrow(values);
      Guarded<float> y(37 * kLanes);
      Guarded<uint16_t> y_bf16(37 * kLanes);
      Normalise call{.x = x.data(),
                     .pixels = 37,
                     .mean = mean.data(),
                     .gain = gain.data(),
                     .shift = shift.data(),
                     .silu = silu,
                     .y = y.data(),
                     .y_bf16 = nullptr};
      kernels_of(path).normalise(call);
      call.y = nullptr;
      call.y_bf16 = y_bf16.data();
      kernels_of(path).normalise(call);
      EXPECT_TRUE(y.guards_hold() && y_bf16.guards_hold());
      for (size_t i = 0; i < values.size(); ++i) {
        const size_t lane = i % 16;
        double wanted =
            (values[i] - static_cast<double>(mean[lane])) * static_cast<double>(gain[lane]) +
            static_cast<double>(shift[lane]);
        if (silu) wanted = silu_reference(wanted);
        EXPECT_NEAR(static_cast<double>(y[static_cast<int64_t>(i)]), wanted, 1e-6);
        EXPECT_EQ(y_bf16[static_cast<int64_t>(i)], to_bf16(y[static_cast<int64_t>(i)]));
      }
    }
  }
}

TEST(Softmax, OfEveryCountOfColumnsIsTheDefinitionAndFillsUpWithZeros) {
  for (const CpuPath path : available_cpu_paths()) {
    for (const bool bf16 : {false, true}) {
      for (int64_t columns = 1; columns <= 67; ++columns) {
        const int64_t rows = 3;
        auto values = random_values(rows * columns, 12, 20.0);
        Guarded<float> s = to_blocks(values, rows, columns);
        Guarded<uint16_t> p(s.size());
        for (int64_t row = 0; row < rows; ++row) {  // what fills up may be anything
          for (int64_t c = columns; c < blocks_of(columns) * kLanes; ++c) {
            s[(c / kLanes * rows + row) * kLanes + c % kLanes] = 1e9F;
          }
        }
        kernels_of(path).softmax({.s = s.data(),
                                  .block_stride = rows * kLanes,
                                  .rows = rows,
                                  .columns = columns,
                                  .p_bf16 = bf16 ? p.data() : nullptr});
        EXPECT_TRUE(s.guards_hold() && p.guards_hold());
        if (bf16) {
          for (int64_t i = 0; i < s.size(); ++i) s[i] = from_bf16(p[i]);
        }
        const int64_t all = blocks_of(columns) * kLanes;
        const auto got = from_blocks(s.data(), rows, all);
        for (int64_t row = 0; row < rows; ++row) {
          const std::vector<double> scores(values.begin() + row * columns,
                                           values.begin() + (row + 1) * columns);
          const double top = *std::max_element(scores.begin(), scores.end());
          softmax_reference(values.data() + row * columns, columns);
          for (int64_t c = 0; c < all; ++c) {
            const double wanted =
                c < columns ? values[static_cast<size_t>(row * columns + c)] : 0.0;
            const double far = c < columns ? top - scores[static_cast<size_t>(c)] : 0.0;
            const double bound = (bf16 ? 4e-3 : 0.0) + 4e-7 + 6e-8 * far;
            EXPECT_NEAR(got[static_cast<size_t>(row * all + c)], wanted, bound * wanted + 2e-38)
                << name_of(path) << ' ' << columns;
          }
        }
      }
    }
  }
}

TEST(Softmax, OfALongRowIsAsFarOffAsItsSum) {
  constexpr int64_t kRows = 16, kColumns = 4096;
  const auto scores = random_values(kRows * kColumns, 18, 4.0);
  for (const CpuPath path : available_cpu_paths()) {
    Guarded<float> s = to_blocks(scores, kRows, kColumns);
    kernels_of(path).softmax({.s = s.data(),
                              .block_stride = kRows * kLanes,
                              .rows = kRows,
                              .columns = kColumns,
                              .p_bf16 = nullptr});
    const auto got = from_blocks(s.data(), kRows, kColumns);
    auto wanted = scores;
    for (size_t first = 0; first < wanted.size(); first += kColumns) {
      const double top = *std::max_element(&scores[first], &scores[first] + kColumns);
      softmax_reference(&wanted[first], kColumns);
      for (size_t i = first; i < first + kColumns; ++i) {
        const double bound = 4e-7 + 6e-8 * (top - scores[i]) + 4e-9 * kColumns;
        EXPECT_NEAR(got[i], wanted[i], bound * wanted[i]) << name_of(path) << ' ' << i;
      }
    }
  }
}

TEST(Softmax, OfARowWithANanHasNan) {
  for (const CpuPath path : available_cpu_paths()) {
    for (int64_t at = 0; at < 32; ++at) {
      float s[32] = {};
      s[at] = std::nanf("");
      kernels_of(path).softmax(
          {.s = s, .block_stride = 16, .rows = 1, .columns = 32, .p_bf16 = nullptr});
      EXPECT_TRUE(std::isnan(s[0]) && std::isnan(s[31])) << name_of(path) << ' ' << at;
    }
  }
}

TEST(Finish, AddsBiasAndResidualAndScales) {
  const auto c = random_values(5 * kLanes, 13), residual = random_values(5 * kLanes, 14);
  const auto bias = random_values(kLanes, 15);
  const auto c32 = narrow(c), residual32 = narrow(residual), bias32 = narrow(bias);
  for (const CpuPath path : available_cpu_paths()) {
    for (const bool with_residual : {false, true}) {
      Guarded<float> y(5 * kLanes);
      kernels_of(path).finish({.c = c32.data(),
                               .rows = 5,
                               .bias = bias32.data(),
                               .residual = with_residual ? residual32.data() : nullptr,
                               .scale = 0.5F,
                               .y = y.data()});
      EXPECT_TRUE(y.guards_hold());
      for (size_t i = 0; i < c.size(); ++i) {
        const double wanted = 0.5 * (c[i] + bias[i % 16] + (with_residual ? residual[i] : 0.0));
        EXPECT_NEAR(static_cast<double>(y[static_cast<int64_t>(i)]), wanted, 1e-6);
      }
    }
  }
}

}  // namespace
}  // namespace ddpm
