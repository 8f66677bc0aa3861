// Sixteen floats as one vector: AVX-512, with the products of bfloat16 pairs where the path has
// them. vector_portable_internal.h says what each function is.

#pragma once

#include <immintrin.h>
#include <stdint.h>
#include <string.h>

namespace ddpm {
namespace {

inline constexpr int kPanelVectors = 2;
inline constexpr int kPanelRows = 12;

struct F16 {
  __m512 v;
};

inline F16 load(const float* p) { return {_mm512_loadu_ps(p)}; }
inline void store(float* p, const F16& x) { _mm512_storeu_ps(p, x.v); }
inline F16 broadcast(float x) { return {_mm512_set1_ps(x)}; }
inline F16 operator+(const F16& a, const F16& b) { return {_mm512_add_ps(a.v, b.v)}; }
inline F16 operator-(const F16& a, const F16& b) { return {_mm512_sub_ps(a.v, b.v)}; }
inline F16 operator*(const F16& a, const F16& b) { return {_mm512_mul_ps(a.v, b.v)}; }
inline F16 operator/(const F16& a, const F16& b) { return {_mm512_div_ps(a.v, b.v)}; }
inline F16 multiply_add(const F16& a, const F16& b, const F16& c) {
  return {_mm512_fmadd_ps(a.v, b.v, c.v)};
}
inline F16 subtract_product(const F16& a, const F16& b, const F16& c) {
  return {_mm512_fnmadd_ps(a.v, b.v, c.v)};
}
inline F16 larger(const F16& a, const F16& b) { return {_mm512_max_ps(a.v, b.v)}; }
inline F16 smaller(const F16& a, const F16& b) { return {_mm512_min_ps(a.v, b.v)}; }
inline F16 nearest(const F16& x) {
  return {_mm512_roundscale_ps(x.v, _MM_FROUND_TO_NEAREST_INT | _MM_FROUND_NO_EXC)};
}
inline F16 scaled_by_power(const F16& x, const F16& n) { return {_mm512_scalef_ps(x.v, n.v)}; }

struct Pairs {
  __m512i v;
};

inline Pairs load_pairs(const uint16_t* p) { return {_mm512_loadu_si512(p)}; }
inline Pairs broadcast_pair(const uint16_t* p) {
  int32_t both;
  memcpy(&both, p, sizeof both);
  return {_mm512_set1_epi32(both)};
}

#ifdef __AVX512BF16__
inline F16 add_products(const F16& sum, const Pairs& a, const Pairs& b) {
  return {_mm512_dpbf16_ps(sum.v, (__m512bh)a.v, (__m512bh)b.v)};
}
#else
inline __m512 first_of(__m512i pairs) { return _mm512_castsi512_ps(_mm512_slli_epi32(pairs, 16)); }
inline __m512 second_of(__m512i pairs) {
  return _mm512_castsi512_ps(_mm512_and_si512(pairs, _mm512_set1_epi32(-65536)));
}
inline F16 add_products(const F16& sum, const Pairs& a, const Pairs& b) {
  const __m512 first = _mm512_fmadd_ps(first_of(a.v), first_of(b.v), sum.v);
  return {_mm512_fmadd_ps(second_of(a.v), second_of(b.v), first)};
}
#endif

inline __m512i rounded_to_bfloat16(__m512 x) {  // in the high half of each, what is below not 0
  const __m512i bits = _mm512_castps_si512(x);
  const __m512i odd = _mm512_and_si512(_mm512_srli_epi32(bits, 16), _mm512_set1_epi32(1));
  return _mm512_add_epi32(bits, _mm512_add_epi32(_mm512_set1_epi32(0x7fff), odd));
}
inline void store_bfloat16(uint16_t* p, const F16& x) {
#ifdef __AVX512BF16__
  const __m256i rounded = (__m256i)_mm512_cvtneps_pbh(x.v);  // numbers below 2^-126 become 0
#else
  const __m256i rounded = _mm512_cvtepi32_epi16(_mm512_srli_epi32(rounded_to_bfloat16(x.v), 16));
#endif
  _mm256_storeu_si256(reinterpret_cast<__m256i*>(p), rounded);
}
inline F16 nearest_bfloat16(const F16& x) {
  const __m512i up = _mm512_add_epi32(_mm512_castps_si512(x.v), _mm512_set1_epi32(0x8000));
  return {_mm512_castsi512_ps(_mm512_and_si512(up, _mm512_set1_epi32(-65536)))};
}
#ifdef __AVX512BF16__
inline void store_bfloat16_pairs(uint16_t* p, const F16& first, const F16& second) {
  alignas(64) static constexpr uint16_t kInterleaved[32] = {
      0, 16, 1, 17, 2,  18, 3,  19, 4,  20, 5,  21, 6,  22, 7,  23,
      8, 24, 9, 25, 10, 26, 11, 27, 12, 28, 13, 29, 14, 30, 15, 31};
  const __m512i rounded = (__m512i)_mm512_cvtne2ps_pbh(second.v, first.v);
  _mm512_storeu_si512(p, _mm512_permutexvar_epi16(_mm512_load_si512(kInterleaved), rounded));
}
#else
inline void store_bfloat16_pairs(uint16_t* p, const F16& first, const F16& second) {
  const __m512i low = _mm512_srli_epi32(rounded_to_bfloat16(first.v), 16);
  const __m512i high = _mm512_and_si512(rounded_to_bfloat16(second.v), _mm512_set1_epi32(-65536));
  _mm512_storeu_si512(p, _mm512_or_si512(low, high));
}
#endif

// Of each 4x4 square first, then of the squares.
inline void transpose(const float* rows, F16 (&columns)[16]) {
  __m512 squares[4][4];  // [i][r]: column i of the four squares of rows 4 r to 4 r + 3
  for (int r = 0; r < 4; ++r) {
    const __m512 a = _mm512_loadu_ps(rows + (4 * r + 0) * 16);
    const __m512 b = _mm512_loadu_ps(rows + (4 * r + 1) * 16);
    const __m512 c = _mm512_loadu_ps(rows + (4 * r + 2) * 16);
    const __m512 d = _mm512_loadu_ps(rows + (4 * r + 3) * 16);
    const __m512 ab_low = _mm512_unpacklo_ps(a, b), ab_high = _mm512_unpackhi_ps(a, b);
    const __m512 cd_low = _mm512_unpacklo_ps(c, d), cd_high = _mm512_unpackhi_ps(c, d);
    squares[0][r] = _mm512_shuffle_ps(ab_low, cd_low, 0x44);
    squares[1][r] = _mm512_shuffle_ps(ab_low, cd_low, 0xee);
    squares[2][r] = _mm512_shuffle_ps(ab_high, cd_high, 0x44);
    squares[3][r] = _mm512_shuffle_ps(ab_high, cd_high, 0xee);
  }
  for (int i = 0; i < 4; ++i) {
    const __m512 even_01 = _mm512_shuffle_f32x4(squares[i][0], squares[i][1], 0x88);
    const __m512 even_23 = _mm512_shuffle_f32x4(squares[i][2], squares[i][3], 0x88);
    const __m512 odd_01 = _mm512_shuffle_f32x4(squares[i][0], squares[i][1], 0xdd);
    const __m512 odd_23 = _mm512_shuffle_f32x4(squares[i][2], squares[i][3], 0xdd);
    columns[i] = {_mm512_shuffle_f32x4(even_01, even_23, 0x88)};
    columns[i + 4] = {_mm512_shuffle_f32x4(odd_01, odd_23, 0x88)};
    columns[i + 8] = {_mm512_shuffle_f32x4(even_01, even_23, 0xdd)};
    columns[i + 12] = {_mm512_shuffle_f32x4(odd_01, odd_23, 0xdd)};
  }
}

}  // namespace
}  // namespace ddpm
