// What one core can at best: multiply-adds in registers, passes over memory.

#ifdef __x86_64__
#include <immintrin.h>
#define DDPM_VECTOR "x"  // a vector register, as inline assembly calls it
#define DDPM_BEST_VECTORS __attribute__((target_clones("avx512f", "avx2", "default")))
#else
#define DDPM_BEST_VECTORS
#define DDPM_VECTOR "w"
#endif

#include "ddpm/testing/kernel_bench.h"

namespace ddpm {

namespace {

constexpr int64_t kSteps = 1000;
// Sums side by side: more than an instruction's latency times those that begin in a cycle.
constexpr int kSums = 12;
constexpr int64_t kWord = sizeof(uint64_t);

// Each runs kSteps steps of kSums multiply-adds of its vectors; sums tend to 2 or stay 0. Between
// them the compiler is told that a sum is another number now, or it would keep one for all.
void portable_steps() {
  typedef float Quad __attribute__((vector_size(16)));
  const Quad half = {0.5F, 0.5F, 0.5F, 0.5F}, one = {1.0F, 1.0F, 1.0F, 1.0F};
  Quad sums[kSums] = {};
  for (int64_t i = 0; i < kSteps; ++i) {
#pragma GCC unroll 12
    for (int j = 0; j < kSums; ++j) {
      sums[j] = sums[j] * half + one;
      asm volatile("" : "+" DDPM_VECTOR(sums[j]));
    }
  }
}

#ifdef __x86_64__
__attribute__((target("avx2,fma"))) void avx2_steps() {
  const __m256 half = _mm256_set1_ps(0.5F), one = _mm256_set1_ps(1.0F);
  __m256 sums[kSums] = {};
  for (int64_t i = 0; i < kSteps; ++i) {
#pragma GCC unroll 12
    for (int j = 0; j < kSums; ++j) {
      sums[j] = _mm256_fmadd_ps(sums[j], half, one);
      asm volatile("" : "+x"(sums[j]));
    }
  }
}

__attribute__((target("avx512f"))) void avx512_steps() {
  const __m512 half = _mm512_set1_ps(0.5F), one = _mm512_set1_ps(1.0F);
  __m512 sums[kSums] = {};
  for (int64_t i = 0; i < kSteps; ++i) {
#pragma GCC unroll 12
    for (int j = 0; j < kSums; ++j) {
      sums[j] = _mm512_fmadd_ps(sums[j], half, one);
      asm volatile("" : "+v"(sums[j]));
    }
  }
}

__attribute__((target("avx512f,avx512bf16"))) void avx512_bf16_steps() {
  const auto zero = (__m512bh)_mm512_setzero_si512();
  __m512 sums[kSums] = {};
  for (int64_t i = 0; i < kSteps; ++i) {
#pragma GCC unroll 12
    for (int j = 0; j < kSums; ++j) {
      sums[j] = _mm512_dpbf16_ps(sums[j], zero, zero);
      asm volatile("" : "+v"(sums[j]));
    }
  }
}
#endif

Bound steps(void (*run)(), int64_t lanes) {
  return {run, static_cast<double>(kSteps * kSums * lanes * 2)};
}

DDPM_BEST_VECTORS
uint64_t sum_of(const uint64_t* values, int64_t count) {
  uint64_t sum = 0;
  for (int64_t i = 0; i < count; ++i) sum += values[i];
  return sum;
}

// Inverted, for a plain copy would become a call of memcpy, which from 256 KiB on is slower.
DDPM_BEST_VECTORS
void copy_inverted(const uint64_t* from, int64_t count, uint64_t* to) {
  for (int64_t i = 0; i < count; ++i) to[i] = ~from[i];
}

DDPM_BEST_VECTORS
void invert(uint64_t* values, int64_t count) {
  for (int64_t i = 0; i < count; ++i) values[i] = ~values[i];
}

DDPM_BEST_VECTORS
void combine(const uint64_t* from, int64_t count, uint64_t* to) {
  for (int64_t i = 0; i < count; ++i) to[i] = from[i] ^ from[count + i];
}

// Makes of `parts` parts of `words` words a bound that moves `bytes`. Half a page lies between the
// places of the last part and of the first in their pages: where it is a cache line or so, loads
// wait for stores to what only looks like their own address.
template <typename Run>
Bound passing(int64_t parts, int64_t words, int64_t bytes, const Run& run) {
  constexpr int64_t kPage = 4096 / kWord;
  const int64_t last = ((parts - 1) * words + kPage - 1) / kPage * kPage + kPage / 2;
  const auto values = std::make_shared<Array<uint64_t>>(last + words);
  return {[values, words, last, run] {
            run(values->data(), words, values->data() + last);
            benchmark::ClobberMemory();
          },
          static_cast<double>(bytes)};
}

}  // namespace

Bound multiply_adds(CpuPath path, bool bf16) {
#ifdef __x86_64__
  switch (path) {
    case CpuPath::kAvx512Bf16:
      return bf16 ? steps(avx512_bf16_steps, 32) : steps(avx512_steps, 16);
    case CpuPath::kAvx512:
      return steps(avx512_steps, 16);
    case CpuPath::kAvx2:
      return steps(avx2_steps, 8);
    case CpuPath::kPortable:
      break;
  }
#else
  static_cast<void>(path);
  static_cast<void>(bf16);
#endif
  return steps(portable_steps, 4);
}

Bound memory_pass(Pass pass, int64_t bytes) {
  const int64_t words = bytes / kWord;
  switch (pass) {
    case Pass::kRead:
      return passing(1, words, bytes, [](const uint64_t* x, int64_t count, uint64_t*) {
        benchmark::DoNotOptimize(sum_of(x, count));
      });
    case Pass::kInPlace:
      return passing(1, words / 2, bytes,
                     [](uint64_t* x, int64_t count, uint64_t*) { invert(x, count); });
    case Pass::kTwoToOne:
      return passing(3, words / 3, bytes, combine);
    case Pass::kCopy:
      break;
  }
  return passing(2, words / 2, bytes, copy_inverted);
}

}  // namespace ddpm
