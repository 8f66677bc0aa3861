#include "ddpm/data/dataset.h"

#include <algorithm>
#include <iterator>
#include <utility>

#include "ddpm/base/check.h"
#include "ddpm/data/opening_internal.h"
#include "ddpm/data/packed_image_internal.h"

namespace ddpm {

int64_t Dataset::size() const { return std::ssize(contents_->images); }
BatchShape Dataset::image_shape() const { return contents_->shape; }
const std::string& Dataset::fingerprint() const { return contents_->fingerprint; }
const DataReport& Dataset::report() const { return contents_->report; }
const std::vector<double>& Dataset::channel_means() const { return contents_->means; }
const std::vector<double>& Dataset::channel_stds() const { return contents_->stds; }

int64_t Dataset::images_in_memory() const {
  int64_t count = 0;
  for (int64_t i = 0; i < size(); ++i) count += contents_->kept(i).is_kept() ? 1 : 0;
  return count;
}

std::optional<int64_t> Dataset::first_beyond_bytes(int64_t first, int64_t count) const {
  const auto& images = contents_->beyond_bytes;
  const auto found = std::lower_bound(images.begin(), images.end(), first);
  if (found == images.end() || *found >= first + count) return std::nullopt;
  return *found;
}

void Dataset::read(int64_t index, bool flip, std::span<float> out) const {
  const BatchShape& shape = contents_->shape;
  DDPM_CHECK(index >= 0 && index < size(), "dataset: expected an image in [0, ", size(), "), got ",
             index);
  DDPM_CHECK(std::ssize(out) == shape.image_size(), "dataset: expected room for ",
             shape.image_size(), " numbers, got ", out.size());
  const PackedImage& kept = contents_->kept(index);
  if (kept.is_kept()) return write_units(kept, flip, out);
  const Image image =
      finished_image(contents_->source, contents_->source_index[static_cast<size_t>(index)], shape,
                     contents_->fit);
  write_units(pack(image), flip, out);
}

Dataset open_dataset(const DataOptions& options, const DataObserver& observer) {
  check_data_options(options);
  const auto give_up = [&observer] {
    if (observer) observer(0, 0);
  };
  return open_dataset(open_source(options, give_up), options, observer);
}

Dataset open_dataset(Source source, const DataOptions& options, const DataObserver& observer) {
  check_data_options(options);
  return Dataset(
      std::make_shared<const DatasetContents>(open_contents(std::move(source), options, observer)));
}

Dataset make_dataset(std::vector<Image> images, const DataOptions& options) {
  Source source{"memory", {}, {}};
  for (const Image& image : images) {
    source.names.push_back(concat("image ", source.names.size()));
    DDPM_CHECK(image.height >= 1 && image.width >= 1 && image.channels >= 1 &&
                   image.channels <= 4 && (image.bits == 8 || image.bits == 16) &&
                   std::ssize(image.samples) == image.height * image.width * image.channels,
               "make_dataset: expected whole images of 1 to 4 channels and 8 or 16 bits, got other "
               "extents in ",
               source.names.back());
  }
  source.decode = [images = std::move(images)](int64_t index) {
    return images[static_cast<size_t>(index)];
  };
  return open_dataset(std::move(source), options);
}

}  // namespace ddpm
