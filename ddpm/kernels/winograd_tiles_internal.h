// The two tiles of winograd.h in one dimension, and how their numbers are rounded to bfloat16.

#pragma once

#include "ddpm/kernels/winograd.h"

namespace ddpm {
namespace {

// One dimension of each transform.
struct F4 {
  static constexpr int kOut = 4;
  static constexpr int kIn = 6;
  static constexpr int kOrder[kIn] = {3, 1, 0, 2, 4, 5};  // in which bfloat16 is rounded
  static constexpr float kA = 0.75F, kB = 1.5F;           // the points 0, +-a, +-b, infinity
  static constexpr float kA2 = kA * kA, kB2 = kB * kB;
  static constexpr float kOver0 = 1 / (kA2 * kB2), kOverA = 1 / (2 * kA2 * (kA2 - kB2)),
                         kOverB = 1 / (2 * kB2 * (kB2 - kA2));

  static constexpr float kPoints[] = {0, kA, -kA, kB, -kB};  // and infinity

  // B^T d: the coefficients of prod over j != i of (x - p_j), a row for each point i.
  static void input(const F16 (&d)[kIn], F16 (&v)[kIn]) {
    const F16 a = broadcast(kA), b = broadcast(kB), a2 = broadcast(kA2), b2 = broadcast(kB2);
    const F16 sum = broadcast(kA2 + kB2), product = broadcast(kA2 * kB2);
    const F16 even_a = subtract_product(b2, d[2], d[4]), odd_a = subtract_product(b2, d[1], d[3]);
    const F16 even_b = subtract_product(a2, d[2], d[4]), odd_b = subtract_product(a2, d[1], d[3]);
    v[0] = multiply_add(product, d[0], subtract_product(sum, d[2], d[4]));
    const F16 of_a = a * odd_a, of_b = b * odd_b;  // sums run beside products, which are the more
    v[1] = even_a + of_a;
    v[2] = even_a - of_a;
    v[3] = even_b + of_b;
    v[4] = even_b - of_b;
    v[5] = multiply_add(product, d[1], subtract_product(sum, d[3], d[5]));
  }
  // A^T m: row k has the points to the power k over prod over j != i of (p_i - p_j); infinity
  // counts in the last.
  static void output(const F16 (&m)[kIn], F16 (&y)[kOut]) {
    const F16 even_a = m[1] + m[2], odd_a = m[1] - m[2];
    const F16 even_b = m[3] + m[4], odd_b = m[3] - m[4];
    y[0] = multiply_add(broadcast(kOver0), m[0],
                        multiply_add(broadcast(kOverA), even_a, broadcast(kOverB) * even_b));
    y[1] = multiply_add(broadcast(kOverA * kA), odd_a, broadcast(kOverB * kB) * odd_b);
    y[2] = multiply_add(broadcast(kOverA * kA2), even_a, broadcast(kOverB * kB2) * even_b);
    y[3] = multiply_add(broadcast(kOverA * kA2 * kA), odd_a,
                        multiply_add(broadcast(kOverB * kB2 * kB), odd_b, m[5]));
  }
};

struct F2 {
  static constexpr int kOut = 2;
  static constexpr int kIn = 4;
  static constexpr int kOrder[kIn] = {0, 1, 2, 3};

  static constexpr float kPoints[] = {0, 1, -1};  // and infinity

  static void input(const F16 (&d)[kIn], F16 (&v)[kIn]) {
    v[0] = d[0] - d[2];
    v[1] = d[1] + d[2];
    v[2] = d[2] - d[1];
    v[3] = d[1] - d[3];
  }
  static void output(const F16 (&m)[kIn], F16 (&y)[kOut]) {
    const F16 half = broadcast(0.5F);
    y[0] = multiply_add(half, m[1] + m[2], m[0]);
    y[1] = multiply_add(half, m[1] - m[2], F16(broadcast(0.0F)) - m[3]);
  }
};

// Rounding with feedback.
//
// What y = A^T [(G g) * (B^T d)] makes of the rounding errors of V = B^T d is, for independent d
// and g, the quadratic form Q = (A^T A) * (G G^T), element by element, and of those of U = G g
// likewise with B B^T. Neighbouring points have correlations of up to 0.65 in Q: half of an error
// can be made up for by the points that are rounded later. If those in S take over what point i's
// error e is times -Q_SS^-1 Q_Si, the expected square of y's error is least. In two dimensions Q is
// a Kronecker product, so rows of points do the same to rows. For F(4x4) it leaves, of that of
// independent rounding,
//   0.63^2 for U, where each point corrects all later ones: it is done once a network
//   0.66^2 for V, where each corrects its neighbours in the order b, a, 0, -a, -b, infinity
// F(2x2) would gain little. winograd_tiles_test.cc derives the numbers again; docs/engine.md has
// what it makes of a network.

// What a later point (row of the table) takes over from the error of an earlier one (column).
template <typename Tile>
struct KernelFeedback {
  static constexpr bool kAny = false;
};
template <>
struct KernelFeedback<F4> {
  static constexpr bool kAny = true;
  static constexpr float kPart[F4::kIn][F4::kIn] = {
      {0, 0.597691F, 0, 0.1628998F, 0, 0},
      {0, 0, 0, 0.3299918F, 0, 0},
      {0.8181836F, 0.2897061F, 0, 0.1464076F, 0, 0},
      {0, 0, 0, 0, 0, 0},
      {0.9334628F, 0.0414715F, 1.4914654F, 0.429138F, 0, 0},
      {0.1352204F, -0.1064706F, 0.2436273F, 0.2766848F, 0.2235177F, 0}};
};
template <typename Tile>
struct PixelFeedback {
  static constexpr bool kAny = false;
};
template <>
struct PixelFeedback<F4> {
  static constexpr bool kAny = true;
  static constexpr float kPart[F4::kIn][F4::kIn] = {
      {0, 0.6666667F, 0, 0, 0, 0}, {0, 0, 0, 0.9532906F, 0, 0}, {0.3881291F, 0, 0, 0, 0, 0},
      {0, 0, 0, 0, 0, 0},          {0, 0, 0.3986759F, 0, 0, 0}, {0, 0, 0, -0.8808387F, 1, 0}};
};

// Of the rows of points that were rounded, how far each point was moved.
template <typename Tile>
struct RoundingErrors {
  F16 rows[Tile::kIn][Tile::kIn];
};

// value + what `taker` takes over of the errors of the first `count` in the order.
template <typename Tile, typename Feedback, int taker, int count>
inline F16 corrected(const F16& value, const F16 (&errors)[Tile::kIn]) {
  if constexpr (count == 0) {
    return value;
  } else {
    constexpr int giver = Tile::kOrder[count - 1];
    constexpr float part = Feedback::kPart[taker][giver];
    const F16 sum = corrected<Tile, Feedback, taker, count - 1>(value, errors);
    if constexpr (part == 0.0F) {
      return sum;
    } else {
      return multiply_add(broadcast(part), errors[giver], sum);
    }
  }
}

// Points [i, n) of a row, in the order.
template <typename Tile, typename Feedback, int i>
inline void round_points(const F16 (&wanted)[Tile::kIn], F16 (&errors)[Tile::kIn],
                         F16 (&rounded)[Tile::kIn]) {
  if constexpr (i < Tile::kIn) {
    constexpr int point = Tile::kOrder[i];
    const F16 value = corrected<Tile, Feedback, point, i>(wanted[point], errors);
    rounded[point] = nearest_bfloat16(value);
    errors[point] = rounded[point] - value;
    round_points<Tile, Feedback, i + 1>(wanted, errors, rounded);
  }
}

// Row i of the order: v becomes numbers of bfloat16. The errors of earlier rows are known.
template <typename Tile, typename Feedback, int i>
inline void round_row(F16 (&v)[Tile::kIn], RoundingErrors<Tile>& all) {
  if constexpr (Feedback::kAny) {
    constexpr int n = Tile::kIn, row = Tile::kOrder[i];
    F16 rounded[n], errors[n];
#pragma GCC unroll 6
    for (int c = 0; c < n; ++c) {
      F16 column[n];
#pragma GCC unroll 6
      for (int j = 0; j < i; ++j) column[Tile::kOrder[j]] = all.rows[Tile::kOrder[j]][c];
      v[c] = corrected<Tile, Feedback, row, i>(v[c], column);
    }
    round_points<Tile, Feedback, 0>(v, errors, rounded);
#pragma GCC unroll 6
    for (int c = 0; c < n; ++c) {
      all.rows[row][c] = rounded[c] - v[c];
      v[c] = rounded[c];
    }
  }
}

}  // namespace
}  // namespace ddpm
