// Box-Muller: two uniform numbers are the length and the direction of two normal ones.

#include <algorithm>
#include <array>
#include <cmath>

#include "ddpm/random/elementary_internal.h"
#include "ddpm/random/philox_internal.h"
#include "ddpm/random/stream.h"

namespace ddpm {

namespace {

constexpr size_t kChunk = 256;  // words made at once; they stay in the first cache

// Words i and i + 1 become numbers i and i + 1, for each even i < count.
void to_normal(const std::array<uint64_t, kChunk>& words, size_t count,
               std::array<float, kChunk>& normal) {
  for (size_t i = 0; i < count; i += 2) {
    const double radius = std::sqrt(-2.0 * portable_log(positive_unit(words[i])));
    const SinCos direction = portable_sincos_turns(words[i + 1] >> 11);
    normal[i] = static_cast<float>(radius * direction.cos);
    normal[i + 1] = static_cast<float>(radius * direction.sin);
  }
}

}  // namespace

void fill_normal(const Stream& stream, std::span<float> out) {
  std::array<uint64_t, kChunk> words{};
  std::array<float, kChunk> normal{};
  uint64_t block = 0;
  while (!out.empty()) {
    const size_t count = std::min(out.size(), kChunk);
    // An odd count needs the word of the pair's other half, too.
    fill_words_from(stream, block, std::span(words).first((count + 1) / 2 * 2));
    to_normal(words, count, normal);
    std::copy_n(normal.begin(), count, out.begin());
    out = out.subspan(count);
    block += kChunk / 4;
  }
}

}  // namespace ddpm
