// The fingerprint and the statistics of a dataset, put together from its images.

#pragma once

#include <array>
#include <cstdint>
#include <map>
#include <mutex>
#include <string>

#include "ddpm/base/file.h"
#include "ddpm/base/sha256.h"
#include "ddpm/data/packed_image_internal.h"

namespace ddpm {

// Of one finished image: what the fingerprint and the statistics need. Sums are over pixels, one a
// channel, of samples in [0, 1].
struct Summary {
  std::string digest;
  std::array<double, 4> sum{};
  std::array<double, 4> sum_of_squares{};
  bool fits_bytes = true;  // every sample is one of 8 bits: of 16 bits, a multiple of 257
};

Summary summarise(const PackedImage& packed);

// Puts summaries together in the order of the images, in whatever order they come.
class Totals {
 public:
  explicit Totals(const std::string& header) { sha_.add(as_bytes(header)); }

  void add(int64_t index, Summary summary);  // safe to use from several threads

  std::string fingerprint() { return sha_.hex(); }

  // Of `count` samples per channel, in units of [-1, 1].
  double mean(size_t c, double count) const;
  double std(size_t c, double count) const;

 private:
  void fold(const Summary& summary);

  std::mutex mutex_;
  std::map<int64_t, Summary> waiting_;
  int64_t next_ = 0;
  Sha256 sha_;
  std::array<double, 4> sum_{};
  std::array<double, 4> sum_of_squares_{};
};

}  // namespace ddpm
