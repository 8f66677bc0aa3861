#include "ddpm/random/stream.h"

#include <Random123/philox.h>

#include <algorithm>
#include <numeric>
#include <utility>

#include "ddpm/base/check.h"
#include "ddpm/random/philox_internal.h"

namespace ddpm {

namespace {

constexpr size_t kBlockWords = 4;
// The step of the stream that offsets a low-discrepancy sequence; nothing else counts so far.
constexpr uint64_t kOffsetStep = ~uint64_t{0};
// 2^64 / golden ratio, rounded to odd.
constexpr uint64_t kGoldenStep = 0x9E3779B97F4A7C15ULL;

PhiloxKey key_of(const Stream& stream) {
  return {stream.seed, static_cast<uint64_t>(stream.purpose)};
}

// Written out here, so that the compiler can unroll a loop over it.
inline PhiloxCounter philox(const PhiloxCounter& counter, const PhiloxKey& key) {
  const philox4x64_ctr_t c = {{counter[0], counter[1], counter[2], counter[3]}};
  const philox4x64_key_t k = {{key[0], key[1]}};
  const philox4x64_ctr_t words = philox4x64_R(10, c, k);
  return {words.v[0], words.v[1], words.v[2], words.v[3]};
}

// The words of a stream one after the other.
class WordReader {
 public:
  explicit WordReader(const Stream& stream) : stream_(stream) {}

  uint64_t next() {
    if (used_ == words_.size()) {
      fill_words_from(stream_, block_, words_);
      block_ += words_.size() / kBlockWords;
      used_ = 0;
    }
    return words_[used_++];
  }

  // Uniform in [0, bound): the high half of word * bound, whose low half tells the words that would
  // favour some results (Lemire 2019).
  uint64_t below(uint64_t bound) {
    __extension__ using Wide = unsigned __int128;
    const uint64_t too_many = (uint64_t{0} - bound) % bound;  // 2^64 mod bound
    while (true) {
      const Wide product = static_cast<Wide>(next()) * bound;
      if (static_cast<uint64_t>(product) >= too_many) return static_cast<uint64_t>(product >> 64);
    }
  }

 private:
  Stream stream_;
  uint64_t block_ = 0;
  std::array<uint64_t, kBlockWords> words_{};
  size_t used_ = kBlockWords;
};

}  // namespace

PhiloxCounter philox4x64_10(const PhiloxCounter& counter, const PhiloxKey& key) {
  return philox(counter, key);
}

void fill_words_from(const Stream& stream, uint64_t first_block, std::span<uint64_t> out) {
  const PhiloxKey key = key_of(stream);
  PhiloxCounter counter = {first_block, stream.step, stream.index, 0};
  for (size_t i = 0; i < out.size(); i += kBlockWords) {
    const PhiloxCounter words = philox(counter, key);
    std::copy_n(words.begin(), std::min(kBlockWords, out.size() - i), out.begin() + i);
    ++counter[0];
  }
}

void fill_words(const Stream& stream, std::span<uint64_t> out) { fill_words_from(stream, 0, out); }

double uniform(const Stream& stream) {
  return static_cast<double>(WordReader(stream).next() >> 11) * 0x1p-53;
}

uint64_t below(const Stream& stream, uint64_t bound) {
  DDPM_CHECK(bound >= 1, "below: bound must be at least 1, got ", bound);
  return WordReader(stream).below(bound);
}

std::vector<int64_t> permutation(const Stream& stream, int64_t n) {
  DDPM_CHECK(n >= 0, "permutation: n must be at least 0, got ", n);
  std::vector<int64_t> order(static_cast<size_t>(n));
  std::iota(order.begin(), order.end(), 0);
  WordReader words(stream);
  for (size_t left = order.size(); left > 1; --left) {
    std::swap(order[left - 1], order[words.below(left)]);
  }
  return order;
}

uint64_t stratified_word(uint64_t seed, Purpose purpose, uint64_t k) {
  const uint64_t offset = WordReader({seed, purpose, 0, kOffsetStep}).next();
  return offset + k * kGoldenStep;
}

}  // namespace ddpm
