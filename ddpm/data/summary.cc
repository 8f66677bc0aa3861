#include <algorithm>
#include <cmath>
#include <span>
#include <utility>

#include "ddpm/base/check.h"
#include "ddpm/base/file.h"
#include "ddpm/data/summary_internal.h"

namespace ddpm {

Summary summarise(const PackedImage& packed) {
  Summary summary;
  Sha256 sha;
  sha.add(as_bytes(concat(packed.bits, "\n")));
  sha.add(std::as_bytes(std::span(packed.bytes)));
  summary.digest = sha.hex();
  const bool wide = packed.bits == 16;
  const auto channels = static_cast<size_t>(packed.channels);
  std::array<uint64_t, 4> sum{};  // exact: at most kMaxPixels * 65535^2 < 2^63
  std::array<uint64_t, 4> squares{};
  const uint8_t* next = packed.bytes.data();
  const int64_t pixels = packed.height * packed.width;
  for (int64_t i = 0; i < pixels; ++i) {
    for (size_t c = 0; c < channels; ++c) {
      const uint64_t sample = wide ? next[0] | next[1] << 8 : next[0];
      next += wide ? 2 : 1;
      sum[c] += sample;
      squares[c] += sample * sample;
      if (wide && sample % 257 != 0) summary.fits_bytes = false;
    }
  }
  const double most = wide ? 65535.0 : 255.0;
  for (size_t c = 0; c < channels; ++c) {
    summary.sum[c] = static_cast<double>(sum[c]) / most;
    summary.sum_of_squares[c] = static_cast<double>(squares[c]) / (most * most);
  }
  return summary;
}

void Totals::add(int64_t index, Summary summary) {
  const std::lock_guard lock(mutex_);
  waiting_.emplace(index, std::move(summary));
  for (auto it = waiting_.begin(); it != waiting_.end() && it->first == next_; ++next_) {
    fold(it->second);
    it = waiting_.erase(it);
  }
}

double Totals::mean(size_t c, double count) const { return 2.0 * sum_[c] / count - 1.0; }

double Totals::std(size_t c, double count) const {
  const double mean = sum_[c] / count;
  return 2.0 * std::sqrt(std::max(0.0, sum_of_squares_[c] / count - mean * mean));
}

void Totals::fold(const Summary& summary) {
  sha_.add(as_bytes(summary.digest));
  for (size_t c = 0; c < 4; ++c) {
    sum_[c] += summary.sum[c];
    sum_of_squares_[c] += summary.sum_of_squares[c];
  }
}

}  // namespace ddpm
