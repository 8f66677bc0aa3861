#include "ddpm/convert/tensors.h"

#include <gtest/gtest.h>

#include <cmath>

namespace ddpm {
namespace {

constexpr int64_t kHeads = 3;
constexpr int64_t kWidth = 2;  // channels of a head
constexpr int64_t kChannels = kHeads * kWidth;
constexpr int64_t kInputs = 4;

// A number that tells where it belongs.
float number_of(int64_t part, int64_t head, int64_t row, int64_t column) {
  return static_cast<float>(1000 * part + 100 * head + 10 * row + column);
}

// A layer of all rows in the order of loops that the order says.
std::vector<float> stored(QkvOrder order) {
  std::vector<float> values;
  const auto rows_of = [&](int64_t part, int64_t head) {
    for (int64_t row = 0; row < kWidth; ++row) {
      for (int64_t column = 0; column < kInputs; ++column) {
        values.push_back(number_of(part, head, row, column));
      }
    }
  };
  const bool heads_first = order == QkvOrder::kHeadsFirst;
  for (int64_t outer = 0; outer < (heads_first ? kHeads : 3); ++outer) {
    for (int64_t inner = 0; inner < (heads_first ? 3 : kHeads); ++inner) {
      rows_of(heads_first ? inner : outer, heads_first ? outer : inner);
    }
  }
  return values;
}

TEST(RowsOfPiece, EachNumberComesToItsHeadAndRow) {
  constexpr Piece kPieces[] = {Piece::kQueries, Piece::kKeys, Piece::kValues};
  for (const QkvOrder order : {QkvOrder::kHeadsFirst, QkvOrder::kPartsFirst}) {
    const std::vector<float> values = stored(order);
    for (int64_t part = 0; part < 3; ++part) {
      const auto rows = rows_of_piece(values, kChannels, kHeads, order, kPieces[part]);
      ASSERT_EQ(std::ssize(rows), kChannels * kInputs);
      for (int64_t i = 0; i < std::ssize(rows); ++i) {
        const int64_t channel = i / kInputs;
        EXPECT_EQ(rows[static_cast<size_t>(i)],
                  number_of(part, channel / kWidth, channel % kWidth, i % kInputs));
      }
    }
  }
}

TEST(RowsOfPiece, ABiasIsCutLikeItsRows) {
  const std::vector<float> bias = {0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11};
  const auto cut = [&](QkvOrder order, Piece piece) {
    return rows_of_piece(bias, 4, 2, order, piece);
  };
  using Row = std::vector<float>;
  EXPECT_EQ(cut(QkvOrder::kHeadsFirst, Piece::kQueries), (Row{0, 1, 6, 7}));
  EXPECT_EQ(cut(QkvOrder::kHeadsFirst, Piece::kKeys), (Row{2, 3, 8, 9}));
  EXPECT_EQ(cut(QkvOrder::kHeadsFirst, Piece::kValues), (Row{4, 5, 10, 11}));
  EXPECT_EQ(cut(QkvOrder::kPartsFirst, Piece::kKeys), (Row{4, 5, 6, 7}));
}

TEST(RowsOfPiece, WithOneHeadBothOrdersAreOne) {
  const std::vector<float> values = stored(QkvOrder::kPartsFirst);
  EXPECT_EQ(rows_of_piece(values, kChannels, 1, QkvOrder::kHeadsFirst, Piece::kKeys),
            rows_of_piece(values, kChannels, 1, QkvOrder::kPartsFirst, Piece::kKeys));
}

TEST(RescaledTimeTable, HasCosinesThenSinesOfTheRescaledTimes) {
  constexpr int64_t kT = 4000;
  const int64_t channels = 8;
  const auto table = rescaled_time_table(kT, channels);
  ASSERT_EQ(std::ssize(table), kT * channels);
  // The angle is at most 1000 and has two roundings to float32, of n * 1000 / T and of the
  // frequency, and that of their product: an error below 3 * 1000 * 2^-24.
  const double bound = 3.0 * 1000.0 * std::ldexp(1.0, -24) + std::ldexp(1.0, -24);
  for (int64_t n = 0; n < kT; ++n) {
    for (int64_t i = 0; i < 4; ++i) {
      const double angle =
          static_cast<double>(n) * 0.25 * std::pow(10000.0, -0.25 * static_cast<double>(i));
      const auto at = static_cast<size_t>(n * channels + i);
      ASSERT_NEAR(table[at], std::cos(angle), bound) << n << " " << i;
      ASSERT_NEAR(table[at + 4], std::sin(angle), bound) << n << " " << i;
    }
  }
}

TEST(RescaledTimeTable, IsExactWhereFloat32Is) {
  const auto table = rescaled_time_table(250, 4);  // frequencies 1 and 1 / 100, times 4 n
  EXPECT_EQ(table[0], 1.0F);
  EXPECT_EQ(table[1], 1.0F);
  EXPECT_EQ(table[2], 0.0F);
  EXPECT_EQ(table[3], 0.0F);
  EXPECT_EQ(table[4 * 100], static_cast<float>(std::cos(400.0)));
  EXPECT_EQ(table[4 * 100 + 2], static_cast<float>(std::sin(400.0)));
}

}  // namespace
}  // namespace ddpm
