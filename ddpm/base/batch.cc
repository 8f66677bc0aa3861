#include "ddpm/base/batch.h"

#include "ddpm/base/check.h"

namespace ddpm {

std::ostream& operator<<(std::ostream& out, const BatchShape& shape) {
  return out << '[' << shape.images << ", " << shape.channels << ", " << shape.height << ", "
             << shape.width << ']';
}

namespace {

// The shape of images first .. first + count - 1, and how far before them the batch starts.
BatchShape part_of(const BatchShape& shape, int64_t first, int64_t count) {
  DDPM_CHECK(first >= 0 && count >= 0 && first <= shape.images - count,
             "batch: images must lie in [0, ", shape.images, "), got ", first, " .. ",
             first + count - 1);
  BatchShape part = shape;
  part.images = count;
  return part;
}

}  // namespace

std::span<const float> ConstBatchView::image(int64_t i) const { return slice(i, 1).values(); }

ConstBatchView ConstBatchView::slice(int64_t first, int64_t count) const {
  const BatchShape part = part_of(shape_, first, count);
  return {data_ + first * shape_.image_size(), part};
}

std::span<float> BatchView::image(int64_t i) const { return slice(i, 1).values(); }

BatchView BatchView::slice(int64_t first, int64_t count) const {
  const BatchShape part = part_of(shape_, first, count);
  return {data_ + first * shape_.image_size(), part};
}

Batch::Batch(BatchShape shape) : shape_(shape) {
  DDPM_CHECK(shape.images >= 0 && shape.channels >= 0 && shape.height >= 0 && shape.width >= 0,
             "batch: extents must be at least 0, got ", shape);
  values_.resize(static_cast<size_t>(shape.size()));
}

}  // namespace ddpm
