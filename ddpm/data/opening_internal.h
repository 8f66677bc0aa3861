// How a dataset comes to be.

#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "ddpm/base/batch.h"
#include "ddpm/base/check.h"
#include "ddpm/data/copies_internal.h"
#include "ddpm/data/dataset.h"
#include "ddpm/data/packed_image_internal.h"
#include "ddpm/data/source.h"

namespace ddpm {

struct DatasetContents {
  BatchShape shape;  // images = 1
  Fit fit = Fit::kNone;
  std::vector<PackedImage> images;  // one an image of the dataset, finished; not all need be kept
  // One an image: the first with the same bytes, which alone is kept; empty if all differ.
  std::vector<int64_t> first_copy;
  std::vector<int64_t> beyond_bytes;  // images of the dataset that 8 bits cannot hold; rising
  std::vector<int64_t> source_index;  // one an image: where it is in the source
  Source source;                      // without names and images if all are kept
  std::string fingerprint;
  DataReport report;
  std::vector<double> means;
  std::vector<double> stds;

  // Image `index` as it is kept, or one that is not.
  const PackedImage& kept(int64_t index) const {
    return images[static_cast<size_t>(first_copy_of(index, first_copy))];
  }
};

// Thrown by a source's decode() for a file that is no data: what() is its kind, as in LeftOut.
class NotData : public Error {
 public:
  using Error::Error;
};

// Throws Error that names the image: there is not enough memory to decode it.
[[noreturn]] void fail_for_memory(const Source& source, int64_t index);

// Image `index` of the source at the dataset's size and channels. Throws FormatError or IoError.
Image finished_image(const Source& source, int64_t index, const BatchShape& shape, Fit fit);

// Throws InvalidArgument for an option out of its range.
void check_data_options(const DataOptions& options);

// As open_dataset says; the options are checked already.
DatasetContents open_contents(Source source, const DataOptions& options,
                              const DataObserver& observer);

}  // namespace ddpm
