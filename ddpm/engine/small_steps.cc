// What moves activations without multiplying: resizing, concatenation, the exit.

#include <algorithm>
#include <utility>

#include "ddpm/engine/steps_internal.h"

namespace ddpm {

namespace {

class ResizeStep : public Step {
 public:
  explicit ResizeStep(const ResizeOperator& op) : op_(op) {}

  void run(const Pass& pass) const override {
    const ValueShape& to = pass.graph.value(op_.y);
    pass.workers.run(blocks_of(to.channels), kBlocksTogether, [&](int64_t block, int64_t) {
      const float* x = pass.block(op_.x, block);
      float* y = pass.block(op_.y, block);
      for (int64_t row = 0; row < pass.n * to.height; ++row) {
        for (int64_t c = 0; c < to.width; ++c) {
          float* pixel = y + (row * to.width + c) * kLanes;
          op_.resize == Resize::kDouble ? copy(x, row, c, to.width / 2, pixel)
                                        : mean(x, row, c, to.width * 2, pixel);
        }
      }
    });
  }

 private:
  static void copy(const float* x, int64_t row, int64_t c, int64_t width, float* pixel) {
    std::copy_n(x + (row / 2 * width + c / 2) * kLanes, kLanes, pixel);
  }
  static void mean(const float* x, int64_t row, int64_t c, int64_t width, float* pixel) {
    const float* above = x + (2 * row * width + 2 * c) * kLanes;
    const float* below = above + width * kLanes;
    for (int64_t i = 0; i < kLanes; ++i) {
      pixel[i] = 0.25F * ((above[i] + above[i + kLanes]) + (below[i] + below[i + kLanes]));
    }
  }

  ResizeOperator op_;
};

class ConcatStep : public Step {
 public:
  explicit ConcatStep(ConcatOperator op) : op_(std::move(op)) {}

  void run(const Pass& pass) const override {
    const ValueShape& to = pass.graph.value(op_.y);
    pass.workers.run(blocks_of(to.channels), kBlocksTogether, [&](int64_t block, int64_t) {
      float* y = pass.block(op_.y, block);
      const int64_t size = pass.n * to.pixels() * kLanes;
      for (int64_t lane = 0; lane < kLanes; ++lane) {
        const int64_t number = block * kLanes + lane;
        if (number < to.channels) {
          const float* x = channel(pass, number);
          for (int64_t at = 0; at < size; at += kLanes) y[at + lane] = x[at];
        } else {
          for (int64_t at = 0; at < size; at += kLanes) y[at + lane] = 0.0F;
        }
      }
    });
  }

 private:
  // Where a channel of all begins.
  const float* channel(const Pass& pass, int64_t number) const {
    size_t part = 0;
    for (; number >= pass.graph.value(op_.x[part]).channels; ++part) {
      number -= pass.graph.value(op_.x[part]).channels;
    }
    return pass.block(op_.x[part], number / kLanes) + number % kLanes;
  }

  ConcatOperator op_;
};

class ExitStep : public Step {
 public:
  explicit ExitStep(const ExitOperator& op) : op_(op) {}

  void run(const Pass& pass) const override {
    const ValueShape& shape = pass.graph.value(op_.x);
    pass.workers.run(pass.n, [&](int64_t image, int64_t) {
      for (int64_t c = 0; c < shape.channels; ++c) {
        const float* x =
            pass.block(op_.x, c / kLanes) + image * shape.pixels() * kLanes + c % kLanes;
        float* y = pass.output + (image * shape.channels + c) * shape.pixels();
        for (int64_t i = 0; i < shape.pixels(); ++i) y[i] = x[i * kLanes];
      }
    });
  }

 private:
  ExitOperator op_;
};

}  // namespace

std::unique_ptr<Step> make_resize_step(const ResizeOperator& op) {
  return std::make_unique<ResizeStep>(op);
}

std::unique_ptr<Step> make_concat_step(const ConcatOperator& op) {
  return std::make_unique<ConcatStep>(op);
}

std::unique_ptr<Step> make_exit_step(const ExitOperator& op) {
  return std::make_unique<ExitStep>(op);
}

}  // namespace ddpm
