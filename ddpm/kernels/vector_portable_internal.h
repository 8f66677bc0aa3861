// Sixteen floats as four vectors of four, in what the compiler makes of them on any CPU.
//
// The three vector_*_internal.h define the same names; a path_*.cc includes one of them, and then
// the kernels. Everything lies in an unnamed namespace: no instruction of one path may be what the
// linker keeps for another.

#pragma once

#include <math.h>
#include <stdint.h>
#include <string.h>

namespace ddpm {
namespace {

inline constexpr int kPanelVectors = 1;  // vectors of columns that the product works on at once
inline constexpr int kPanelRows = 2;     // rows at once

typedef float Quad __attribute__((vector_size(16)));
typedef int32_t IntQuad __attribute__((vector_size(16)));

struct F16 {
  Quad q[4];
};

template <typename Function>
inline F16 each(Function function) {
  return {{function(0), function(1), function(2), function(3)}};
}

inline Quad load_quad(const float* p) {
  Quad q;
  memcpy(&q, p, sizeof q);
  return q;
}

inline F16 load(const float* p) {
  return each([&](int i) { return load_quad(p + 4 * i); });
}
inline void store(float* p, const F16& x) {
  for (int i = 0; i < 4; ++i) memcpy(p + 4 * i, &x.q[i], sizeof x.q[i]);
}
inline F16 broadcast(float x) {
  const Quad q = {x, x, x, x};
  return {{q, q, q, q}};
}
inline F16 operator+(const F16& a, const F16& b) {
  return each([&](int i) { return a.q[i] + b.q[i]; });
}
inline F16 operator-(const F16& a, const F16& b) {
  return each([&](int i) { return a.q[i] - b.q[i]; });
}
inline F16 operator*(const F16& a, const F16& b) {
  return each([&](int i) { return a.q[i] * b.q[i]; });
}
inline F16 operator/(const F16& a, const F16& b) {
  return each([&](int i) { return a.q[i] / b.q[i]; });
}
// a b + c
inline F16 multiply_add(const F16& a, const F16& b, const F16& c) {
  return each([&](int i) { return a.q[i] * b.q[i] + c.q[i]; });
}
// c - a b
inline F16 subtract_product(const F16& a, const F16& b, const F16& c) {
  return each([&](int i) { return c.q[i] - a.q[i] * b.q[i]; });
}
inline F16 larger(const F16& a, const F16& b) {
  return each([&](int i) { return a.q[i] > b.q[i] ? a.q[i] : b.q[i]; });
}
inline F16 smaller(const F16& a, const F16& b) {
  return each([&](int i) { return a.q[i] < b.q[i] ? a.q[i] : b.q[i]; });
}
// To the nearest whole number; |x| below 2^22.
inline F16 nearest(const F16& x) {
  const F16 magic = broadcast(12582912.0f);  // 1.5 * 2^23
  return x + magic - magic;
}
// x 2^n for whole n in [-126, 127].
inline F16 scaled_by_power(const F16& x, const F16& n) {
  return each([&](int i) {
    const IntQuad exponent = (__builtin_convertvector(n.q[i], IntQuad) + 127) << 23;
    Quad power;
    memcpy(&power, &exponent, sizeof power);
    return x.q[i] * power;
  });
}

// Sixteen pairs of bfloat16.
struct Pairs {
  IntQuad q[4];
};

inline Pairs load_pairs(const uint16_t* p) {
  Pairs pairs;
  memcpy(&pairs, p, sizeof pairs);
  return pairs;
}
inline Pairs broadcast_pair(const uint16_t* p) {
  int32_t both;
  memcpy(&both, p, sizeof both);
  const IntQuad q = {both, both, both, both};
  return {{q, q, q, q}};
}
inline Quad first_of(const IntQuad& pairs) {
  const IntQuad bits = pairs << 16;
  Quad x;
  memcpy(&x, &bits, sizeof x);
  return x;
}
inline Quad second_of(const IntQuad& pairs) {
  const IntQuad bits = pairs & static_cast<int32_t>(0xffff0000);
  Quad x;
  memcpy(&x, &bits, sizeof x);
  return x;
}
// sum + a_0 b_0 + a_1 b_1
inline F16 add_products(const F16& sum, const Pairs& a, const Pairs& b) {
  return each([&](int i) {
    return sum.q[i] + first_of(a.q[i]) * first_of(b.q[i]) + second_of(a.q[i]) * second_of(b.q[i]);
  });
}
// Rounded to the nearest bfloat16, ties to even.
inline void store_bfloat16(uint16_t* p, const F16& x) {
  for (int i = 0; i < 16; ++i) {
    const float value = x.q[i / 4][i % 4];
    uint32_t bits;
    memcpy(&bits, &value, sizeof bits);
    p[i] = static_cast<uint16_t>((bits + 0x7fff + ((bits >> 16) & 1)) >> 16);
  }
}
// A nearest number of bfloat16, away from 0 if there are two; not for NaN.
inline F16 nearest_bfloat16(const F16& x) {
  return each([&](int i) {
    typedef uint32_t Bits __attribute__((vector_size(16)));
    Bits bits;
    memcpy(&bits, &x.q[i], sizeof bits);
    bits = (bits + 0x8000) & 0xffff0000U;
    Quad rounded;
    memcpy(&rounded, &bits, sizeof rounded);
    return rounded;
  });
}

// Pair i is (first_i, second_i).
inline void store_bfloat16_pairs(uint16_t* p, const F16& first, const F16& second) {
  uint16_t rounded[2][16];
  store_bfloat16(rounded[0], first);
  store_bfloat16(rounded[1], second);
  for (int i = 0; i < 32; ++i) p[i] = rounded[i % 2][i / 2];
}
// 16 rows of 16 become 16 columns: columns[i] has value i of each row.
inline void transpose(const float* rows, F16 (&columns)[16]) {
  for (int i = 0; i < 16; ++i) {
    float column[16];
    for (int r = 0; r < 16; ++r) column[r] = rows[r * 16 + i];
    columns[i] = load(column);
  }
}

}  // namespace
}  // namespace ddpm
