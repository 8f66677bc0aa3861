#include <algorithm>
#include <cmath>
#include <span>
#include <utility>

#include "ddpm/base/check.h"
#include "ddpm/base/file.h"
#include "ddpm/data/summary_internal.h"

namespace ddpm {

Summary summarise(const PackedImage& packed, const Image& image) {
  Summary summary;
  Sha256 sha;
  sha.add(as_bytes(concat(packed.bits, "\n")));
  sha.add(std::as_bytes(std::span(packed.bytes)));
  summary.digest = sha.hex();
  const auto channels = static_cast<size_t>(image.channels);
  std::array<uint64_t, 4> sum{};  // exact: at most kMaxPixels * 65535^2 < 2^63
  std::array<uint64_t, 4> squares{};
  for (size_t i = 0; i < image.samples.size(); ++i) {
    const uint64_t sample = image.samples[i];
    sum[i % channels] += sample;
    squares[i % channels] += sample * sample;
    if (image.bits == 16 && sample % 257 != 0) summary.fits_bytes = false;
  }
  const double most = image.bits == 16 ? 65535.0 : 255.0;
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
