// The images to learn from, all of one size and number of channels.

#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <utility>
#include <vector>

#include "ddpm/base/batch.h"
#include "ddpm/data/source.h"

namespace ddpm {

// Called from time to time, by the thread that called open_dataset, with the work done and in all,
// counted in images; with 0 and 0 while folders and archives are read. What it throws ends the
// work and reaches the caller.
using DataObserver = std::function<void(int64_t done, int64_t total)>;

struct DatasetContents;  // opening_internal.h

// Immutable, and safe to use from several threads. A copy is cheap and shares the images.
class Dataset {
 public:
  int64_t size() const;            // images, at least 1
  BatchShape image_shape() const;  // images = 1

  // Image `index`, in [0, size()), as float32 [C, H, W] in [-1, 1]; mirrored left to right if
  // `flip`. Throws InvalidArgument for an index or out.size() that does not fit. An image that was
  // not kept in memory is decoded again, which throws IoError "PATH changed while it was read" if
  // its file has other bytes than at first, also of an image of the same size.
  void read(int64_t index, bool flip, std::span<float> out) const;

  // SHA-256 over the number of images, C, H, W, the fit, and for each image its bits and samples,
  // in order; 64 hexadecimal digits. Equal images have equal ones wherever they lie, whenever they
  // were written and however many threads read them.
  const std::string& fingerprint() const;

  const DataReport& report() const;

  // Over all pixels of all images, in units of [-1, 1]; one number a channel.
  const std::vector<double>& channel_means() const;
  const std::vector<double>& channel_stds() const;

  // The first of the images [first, first + count) that has samples beyond those of 8 bits, so that
  // its likelihood in bits is not defined; nothing if there is none.
  std::optional<int64_t> first_beyond_bytes(int64_t first, int64_t count) const;

  // How many images are kept decoded; the others are decoded whenever they are read.
  int64_t images_in_memory() const;

 private:
  explicit Dataset(std::shared_ptr<const DatasetContents> contents)
      : contents_(std::move(contents)) {}
  friend Dataset open_dataset(Source source, const DataOptions& options,
                              const DataObserver& observer);

  std::shared_ptr<const DatasetContents> contents_;
};

// Decodes what options.spec names (see source.h), 8 bits in one byte and 16 bits in two, in
// options.threads threads. Throws what open_source throws; InvalidArgument for an option out of its
// range, and for images of another size than the wanted one if there is no fit; FormatError if more
// than floor(options.max_bad_share * found) files, or all, are unreadable.
Dataset open_dataset(const DataOptions& options, const DataObserver& observer = {});

// The same from another source; options.spec is not looked at.
Dataset open_dataset(Source source, const DataOptions& options, const DataObserver& observer = {});

// The same from pictures in memory.
Dataset make_dataset(std::vector<Image> images, const DataOptions& options = {});

}  // namespace ddpm
