// Batches of images as plain arrays on the host: float32 [N, C, H, W], contiguous.
//
// Everything outside a network works on these: schedule, process, samplers, data. `Batch` owns its
// numbers; `BatchView` and `ConstBatchView` point at somebody else's, who has to outlive them.

#pragma once

#include <cstdint>
#include <ostream>
#include <span>
#include <vector>

namespace ddpm {

// The extents of a batch, each at least 0.
struct BatchShape {
  int64_t images = 0;    // N
  int64_t channels = 0;  // C
  int64_t height = 0;    // H, rows
  int64_t width = 0;     // W, columns

  int64_t image_size() const { return channels * height * width; }  // values in one image
  int64_t size() const { return images * image_size(); }
  bool operator==(const BatchShape&) const = default;
};

// "[2, 3, 32, 32]".
std::ostream& operator<<(std::ostream& out, const BatchShape& shape);

class ConstBatchView {
 public:
  ConstBatchView(const float* data, BatchShape shape) : data_(data), shape_(shape) {}

  const BatchShape& shape() const { return shape_; }
  int64_t images() const { return shape_.images; }
  std::span<const float> values() const { return {data_, static_cast<size_t>(shape_.size())}; }
  std::span<const float> image(int64_t i) const;             // i in [0, N)
  ConstBatchView slice(int64_t first, int64_t count) const;  // images first .. first + count - 1

 private:
  const float* data_;
  BatchShape shape_;
};

class BatchView {
 public:
  BatchView(float* data, BatchShape shape) : data_(data), shape_(shape) {}
  operator ConstBatchView() const { return {data_, shape_}; }  // NOLINT: a view of more rights

  const BatchShape& shape() const { return shape_; }
  int64_t images() const { return shape_.images; }
  std::span<float> values() const { return {data_, static_cast<size_t>(shape_.size())}; }
  std::span<float> image(int64_t i) const;
  BatchView slice(int64_t first, int64_t count) const;

 private:
  float* data_;
  BatchShape shape_;
};

class Batch {
 public:
  Batch() = default;
  explicit Batch(BatchShape shape);  // all zero

  operator BatchView() { return {values_.data(), shape_}; }             // NOLINT
  operator ConstBatchView() const { return {values_.data(), shape_}; }  // NOLINT
  BatchView view() { return *this; }
  ConstBatchView view() const { return *this; }

  const BatchShape& shape() const { return shape_; }
  int64_t images() const { return shape_.images; }
  std::span<float> values() { return values_; }
  std::span<const float> values() const { return values_; }
  std::span<float> image(int64_t i) { return view().image(i); }
  std::span<const float> image(int64_t i) const { return view().image(i); }

 private:
  BatchShape shape_;
  std::vector<float> values_;
};

}  // namespace ddpm
