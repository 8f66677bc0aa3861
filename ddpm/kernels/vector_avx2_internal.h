// Sixteen floats as two vectors of eight: AVX2 and FMA. vector_portable_internal.h says what each
// function is.

#pragma once

#include <immintrin.h>
#include <stdint.h>
#include <string.h>

namespace ddpm {
namespace {

inline constexpr int kPanelVectors = 1;
inline constexpr int kPanelRows = 6;

struct F16 {
  __m256 low, high;
};

inline F16 load(const float* p) { return {_mm256_loadu_ps(p), _mm256_loadu_ps(p + 8)}; }
inline void store(float* p, const F16& x) {
  _mm256_storeu_ps(p, x.low);
  _mm256_storeu_ps(p + 8, x.high);
}
inline F16 broadcast(float x) {
  const __m256 all = _mm256_set1_ps(x);
  return {all, all};
}
inline F16 operator+(const F16& a, const F16& b) {
  return {_mm256_add_ps(a.low, b.low), _mm256_add_ps(a.high, b.high)};
}
inline F16 operator-(const F16& a, const F16& b) {
  return {_mm256_sub_ps(a.low, b.low), _mm256_sub_ps(a.high, b.high)};
}
inline F16 operator*(const F16& a, const F16& b) {
  return {_mm256_mul_ps(a.low, b.low), _mm256_mul_ps(a.high, b.high)};
}
inline F16 operator/(const F16& a, const F16& b) {
  return {_mm256_div_ps(a.low, b.low), _mm256_div_ps(a.high, b.high)};
}
inline F16 multiply_add(const F16& a, const F16& b, const F16& c) {
  return {_mm256_fmadd_ps(a.low, b.low, c.low), _mm256_fmadd_ps(a.high, b.high, c.high)};
}
inline F16 subtract_product(const F16& a, const F16& b, const F16& c) {
  return {_mm256_fnmadd_ps(a.low, b.low, c.low), _mm256_fnmadd_ps(a.high, b.high, c.high)};
}
inline F16 larger(const F16& a, const F16& b) {
  return {_mm256_max_ps(a.low, b.low), _mm256_max_ps(a.high, b.high)};
}
inline F16 smaller(const F16& a, const F16& b) {
  return {_mm256_min_ps(a.low, b.low), _mm256_min_ps(a.high, b.high)};
}
inline F16 nearest(const F16& x) {
  constexpr int kHow = _MM_FROUND_TO_NEAREST_INT | _MM_FROUND_NO_EXC;
  return {_mm256_round_ps(x.low, kHow), _mm256_round_ps(x.high, kHow)};
}
inline __m256 power_of_two(__m256 n) {
  const __m256i biased = _mm256_add_epi32(_mm256_cvtps_epi32(n), _mm256_set1_epi32(127));
  return _mm256_castsi256_ps(_mm256_slli_epi32(biased, 23));
}
inline F16 scaled_by_power(const F16& x, const F16& n) {
  return {_mm256_mul_ps(x.low, power_of_two(n.low)), _mm256_mul_ps(x.high, power_of_two(n.high))};
}

struct Pairs {
  __m256i low, high;
};

inline Pairs load_pairs(const uint16_t* p) {
  const auto* vectors = reinterpret_cast<const __m256i*>(p);
  return {_mm256_loadu_si256(vectors), _mm256_loadu_si256(vectors + 1)};
}
inline Pairs broadcast_pair(const uint16_t* p) {
  int32_t both;
  memcpy(&both, p, sizeof both);
  const __m256i all = _mm256_set1_epi32(both);
  return {all, all};
}
inline __m256 first_of(__m256i pairs) { return _mm256_castsi256_ps(_mm256_slli_epi32(pairs, 16)); }
inline __m256 second_of(__m256i pairs) {
  return _mm256_castsi256_ps(_mm256_and_si256(pairs, _mm256_set1_epi32(-65536)));
}
inline __m256 add_products(__m256 sum, __m256i a, __m256i b) {
  return _mm256_fmadd_ps(second_of(a), second_of(b),
                         _mm256_fmadd_ps(first_of(a), first_of(b), sum));
}
inline F16 add_products(const F16& sum, const Pairs& a, const Pairs& b) {
  return {add_products(sum.low, a.low, b.low), add_products(sum.high, a.high, b.high)};
}
inline __m256i rounded_to_bfloat16(__m256 x) {  // in the low half of each
  const __m256i bits = _mm256_castps_si256(x);
  const __m256i odd = _mm256_and_si256(_mm256_srli_epi32(bits, 16), _mm256_set1_epi32(1));
  const __m256i up = _mm256_add_epi32(_mm256_set1_epi32(0x7fff), odd);
  return _mm256_srli_epi32(_mm256_add_epi32(bits, up), 16);
}
inline void store_bfloat16(uint16_t* p, const F16& x) {
  const __m256i mixed =
      _mm256_packus_epi32(rounded_to_bfloat16(x.low), rounded_to_bfloat16(x.high));
  // the packing works in halves of 128 bits: 0 2 1 3 brings them back in order
  _mm256_storeu_si256(reinterpret_cast<__m256i*>(p), _mm256_permute4x64_epi64(mixed, 0xd8));
}

inline __m256 nearest_bfloat16(__m256 x) {
  const __m256i up = _mm256_add_epi32(_mm256_castps_si256(x), _mm256_set1_epi32(0x8000));
  return _mm256_castsi256_ps(_mm256_and_si256(up, _mm256_set1_epi32(-65536)));
}
inline F16 nearest_bfloat16(const F16& x) {
  return {nearest_bfloat16(x.low), nearest_bfloat16(x.high)};
}
inline __m256i pairs_of(__m256 first, __m256 second) {
  const __m256i high = _mm256_slli_epi32(rounded_to_bfloat16(second), 16);
  return _mm256_or_si256(rounded_to_bfloat16(first), high);
}
inline void store_bfloat16_pairs(uint16_t* p, const F16& first, const F16& second) {
  auto* vectors = reinterpret_cast<__m256i*>(p);
  _mm256_storeu_si256(vectors, pairs_of(first.low, second.low));
  _mm256_storeu_si256(vectors + 1, pairs_of(first.high, second.high));
}
inline void transpose(const float* rows, F16 (&columns)[16]) {
  const __m256i places = _mm256_setr_epi32(0, 16, 32, 48, 64, 80, 96, 112);
  for (int i = 0; i < 16; ++i) {
    columns[i] = {_mm256_i32gather_ps(rows + i, places, 4),
                  _mm256_i32gather_ps(rows + 128 + i, places, 4)};
  }
}

}  // namespace
}  // namespace ddpm
