#include "ddpm/kernels/vector_portable_internal.h"
// the vectors of a path come first
#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <vector>

#include "ddpm/kernels/winograd_tiles_internal.h"

namespace ddpm {
namespace {

using Matrix = std::vector<std::vector<double>>;

constexpr int n = 6;  // points
constexpr double kPoints[n - 1] = {0, 0.75, -0.75, 1.5, -1.5};

// prod over j != skipped of (x - p_j), coefficients from x^0 on.
std::vector<double> polynomial(int skipped) {
  std::vector<double> product = {1};
  for (int j = 0; j < n - 1; ++j) {
    if (j == skipped) continue;
    std::vector<double> next(product.size() + 1, 0.0);
    for (size_t k = 0; k < product.size(); ++k) {
      next[k + 1] += product[k];
      next[k] -= kPoints[j] * product[k];
    }
    product = next;
  }
  product.resize(n, 0.0);
  return product;
}

double divisor(int i) {
  double product = 1.0;
  for (int j = 0; j < n - 1; ++j) {
    if (j != i) product *= kPoints[i] - kPoints[j];
  }
  return product;
}

// The rows of the three matrices that belong to each point: of B^T, G and A.
Matrix of_input() {
  Matrix rows;
  for (int i = 0; i < n; ++i) rows.push_back(polynomial(i));
  return rows;
}
Matrix of_kernel() {
  Matrix rows;
  for (int i = 0; i < n - 1; ++i) rows.push_back({1, kPoints[i], kPoints[i] * kPoints[i]});
  rows.push_back({0, 0, 1});
  return rows;
}
Matrix of_output() {
  Matrix rows;
  for (int i = 0; i < n - 1; ++i) {
    std::vector<double> row;
    for (int k = 0; k < 4; ++k) row.push_back(std::pow(kPoints[i], k) / divisor(i));
    rows.push_back(row);
  }
  rows.push_back({0, 0, 0, 1});
  return rows;
}

Matrix products_of_rows(const Matrix& rows) {
  Matrix products(n, std::vector<double>(n, 0.0));
  for (size_t i = 0; i < n; ++i) {
    for (size_t j = 0; j < n; ++j) {
      for (size_t k = 0; k < rows[i].size(); ++k) products[i][j] += rows[i][k] * rows[j][k];
    }
  }
  return products;
}

// What the rounding errors of one factor, whose partner is made by `partner`, do to y.
Matrix quadratic_form(const Matrix& partner) {
  Matrix q = products_of_rows(of_output());
  const Matrix other = products_of_rows(partner);
  for (size_t i = 0; i < n; ++i) {
    for (size_t j = 0; j < n; ++j) q[i][j] *= other[i][j];
  }
  return q;
}

// The form of an error of 1 in `giver`, of which each taker takes its part over.
template <typename Feedback>
double what_is_left(const Matrix& q, size_t giver, size_t changed, double change) {
  std::vector<double> error(n, 0.0);
  for (size_t taker = 0; taker < n; ++taker) {
    error[taker] = static_cast<double>(Feedback::kPart[taker][giver]);
  }
  error[giver] = 1.0;
  error[changed] += change;
  double sum = 0.0;
  for (size_t i = 0; i < n; ++i) {
    for (size_t j = 0; j < n; ++j) sum += error[i] * q[i][j] * error[j];
  }
  return sum;
}

// No part that is given can be changed for the better; and so much is left of all.
template <typename Feedback>
void expect_best(const Matrix& q, const Matrix& rounded, double left_of_all) {
  double left = 0.0, all = 0.0;
  for (size_t giver = 0; giver < n; ++giver) {
    const double best = what_is_left<Feedback>(q, giver, giver, 0.0);
    for (size_t taker = 0; taker < n; ++taker) {
      if (Feedback::kPart[taker][giver] == 0.0F) continue;
      EXPECT_LT(best, what_is_left<Feedback>(q, giver, taker, 1e-3)) << taker << ' ' << giver;
      EXPECT_LT(best, what_is_left<Feedback>(q, giver, taker, -1e-3)) << taker << ' ' << giver;
    }
    const double square = products_of_rows(rounded)[giver][giver];  // of what is rounded
    left += best * square;
    all += q[giver][giver] * square;
  }
  EXPECT_NEAR(left / all, left_of_all, 5e-4);
}

// For independent pixels and weights, see the comment of the tables.
TEST(RoundingFeedback, LeavesTheLeastExpectedSquare) {
  expect_best<KernelFeedback<F4>>(quadratic_form(of_input()), of_kernel(), 0.6312);
  expect_best<PixelFeedback<F4>>(quadratic_form(of_kernel()), of_input(), 0.6553);
}

TEST(RoundingFeedback, GoesToPointsThatAreRoundedLater) {
  const auto place = [](int point) {
    return std::find(std::begin(F4::kOrder), std::end(F4::kOrder), point) - F4::kOrder;
  };
  for (int taker = 0; taker < n; ++taker) {
    for (int giver = 0; giver < n; ++giver) {
      if (place(taker) > place(giver)) continue;
      EXPECT_EQ(KernelFeedback<F4>::kPart[taker][giver], 0.0F) << taker << ' ' << giver;
      EXPECT_EQ(PixelFeedback<F4>::kPart[taker][giver], 0.0F) << taker << ' ' << giver;
    }
  }
}

}  // namespace
}  // namespace ddpm
