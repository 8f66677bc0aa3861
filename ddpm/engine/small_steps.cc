// What moves activations without multiplying: sizes, joins, the exit.

#include <algorithm>
#include <utility>

#include "ddpm/engine/steps_internal.h"

namespace ddpm {

namespace {

class ResizeStep : public Step {
 public:
  explicit ResizeStep(const ResizeOperation& operation) : operation_(operation) {}

  void run(const Pass& pass) const override {
    const ValueShape& to = pass.graph.value(operation_.y);
    pass.workers.run(blocks_of(to.channels), kBlocksTogether, [&](int64_t block, int64_t) {
      const float* x = pass.block(operation_.x, block);
      float* y = pass.block(operation_.y, block);
      for (int64_t row = 0; row < pass.n * to.height; ++row) {
        for (int64_t c = 0; c < to.width; ++c) {
          float* pixel = y + (row * to.width + c) * kLanes;
          operation_.doubles ? copy(x, row, c, to.width / 2, pixel)
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

  ResizeOperation operation_;
};

class JoinStep : public Step {
 public:
  explicit JoinStep(JoinOperation operation) : operation_(std::move(operation)) {}

  void run(const Pass& pass) const override {
    const ValueShape& to = pass.graph.value(operation_.y);
    pass.workers.run(blocks_of(to.channels), kBlocksTogether, [&](int64_t block, int64_t) {
      float* y = pass.block(operation_.y, block);
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
    for (; number >= pass.graph.value(operation_.x[part]).channels; ++part) {
      number -= pass.graph.value(operation_.x[part]).channels;
    }
    return pass.block(operation_.x[part], number / kLanes) + number % kLanes;
  }

  JoinOperation operation_;
};

class ExitStep : public Step {
 public:
  explicit ExitStep(const ExitOperation& operation) : operation_(operation) {}

  void run(const Pass& pass) const override {
    const ValueShape& shape = pass.graph.value(operation_.x);
    pass.workers.run(pass.n, [&](int64_t image, int64_t) {
      for (int64_t c = 0; c < shape.channels; ++c) {
        const float* x =
            pass.block(operation_.x, c / kLanes) + image * shape.pixels() * kLanes + c % kLanes;
        float* y = pass.output + (image * shape.channels + c) * shape.pixels();
        for (int64_t i = 0; i < shape.pixels(); ++i) y[i] = x[i * kLanes];
      }
    });
  }

 private:
  ExitOperation operation_;
};

}  // namespace

std::unique_ptr<Step> make_resize_step(const ResizeOperation& operation) {
  return std::make_unique<ResizeStep>(operation);
}

std::unique_ptr<Step> make_join_step(const JoinOperation& operation) {
  return std::make_unique<JoinStep>(operation);
}

std::unique_ptr<Step> make_exit_step(const ExitOperation& operation) {
  return std::make_unique<ExitStep>(operation);
}

}  // namespace ddpm
