// Group normalisation, with SiLU and with the scale and shift of the time where they follow.

#include <algorithm>
#include <cmath>
#include <utility>

#include "ddpm/engine/steps_internal.h"

namespace ddpm {

namespace {

// Blocks that share no group with others: the work of one part, for one image.
struct NormUnit {
  int64_t first_block;
  int64_t last_block;
};

std::vector<NormUnit> units_of(int64_t channels, int64_t group_channels) {
  std::vector<NormUnit> units;
  int64_t first = 0;
  for (int64_t block = 1; block <= blocks_of(channels); ++block) {
    if (block < blocks_of(channels) && block * kLanes % group_channels != 0) continue;
    units.push_back({first, block});
    first = block;
  }
  return units;
}

class NormStep : public Step {
 public:
  NormStep(const Engine& engine, NormOperator op, const TensorSource& tensors)
      : op_(std::move(op)),
        shape_(engine.graph.value(op_.y)),
        group_channels_(shape_.channels / op_.groups),
        weight_(padded(tensors(op_.name + ".weight"))),
        bias_(padded(tensors(op_.name + ".bias"))),
        units_(units_of(shape_.channels, group_channels_)) {}

  ScratchNeed scratch(int64_t) const override {
    int64_t most = 0;
    for (const NormUnit& unit : units_) most = std::max(most, unit.last_block - unit.first_block);
    return {.per_worker =
                Scratch::size_of<Moments>(most) + 3 * Scratch::size_of<float>(most * kLanes)};
  }

  void run(const Pass& pass) const override {
    const int64_t units = std::ssize(units_), blocks = blocks_of(shape_.channels);
    const int64_t together = std::max<int64_t>(1, kBlocksTogether * units / blocks);
    pass.workers.run(pass.n * units, together, [&](int64_t part, int64_t worker) {
      normalise(pass, part / units, units_[static_cast<size_t>(part % units)],
                Scratch(pass.scratch_of(worker)));
    });
  }

 private:
  // For the channels of a unit: y = (x - mean) gain + shift.
  struct Coefficients {
    float* mean;
    float* gain;
    float* shift;
  };

  void normalise(const Pass& pass, int64_t image, const NormUnit& unit, Scratch scratch) const {
    const int64_t blocks = unit.last_block - unit.first_block;
    const int64_t offset = image * shape_.pixels() * kLanes;
    auto* moments = scratch.take<Moments>(blocks);
    const Coefficients to{scratch.take<float>(blocks * kLanes),
                          scratch.take<float>(blocks * kLanes),
                          scratch.take<float>(blocks * kLanes)};
    for (int64_t b = 0; b < blocks; ++b) {
      pass.kernels.moments(pass.block_in_parts(op_.x, unit.first_block + b) + offset,
                           shape_.pixels(), moments + b);
    }
    const int64_t first = unit.first_block * kLanes;
    const int64_t channels = std::min(blocks * kLanes, shape_.channels - first);
    std::fill_n(to.mean, blocks * kLanes, 0.0F);  // what fills up a block stays 0
    std::fill_n(to.gain, blocks * kLanes, 0.0F);
    std::fill_n(to.shift, blocks * kLanes, 0.0F);
    for (int64_t c = 0; c < channels; c += group_channels_) combine(moments, first, c, to);
    if (op_.time != kNoTime) {
      apply_time(pass, image, first, channels, to);
    }
    for (int64_t b = 0; b < blocks; ++b) {
      pass.kernels.normalise({.x = pass.block_in_parts(op_.x, unit.first_block + b) + offset,
                              .pixels = shape_.pixels(),
                              .mean = to.mean + b * kLanes,
                              .gain = to.gain + b * kLanes,
                              .shift = to.shift + b * kLanes,
                              .silu = op_.silu,
                              .y = pass.block(op_.y, unit.first_block + b) + offset,
                              .y_bf16 = nullptr});
    }
  }

  // The group that begins at channel `begin` of a unit whose first channel is `first`: its channels
  // have as many pixels each, so their moments are put together without weights, in float64.
  void combine(const Moments* moments, int64_t first, int64_t begin, const Coefficients& to) const {
    const auto pixels = static_cast<double>(shape_.pixels());
    double mean = 0.0, deviations = 0.0;
    for (int64_t c = begin; c < begin + group_channels_; ++c) {
      mean += moments[c / kLanes].mean[c % kLanes];
    }
    mean /= static_cast<double>(group_channels_);
    for (int64_t c = begin; c < begin + group_channels_; ++c) {
      const double apart = moments[c / kLanes].mean[c % kLanes] - mean;
      deviations += moments[c / kLanes].deviations[c % kLanes] + pixels * apart * apart;
    }
    const double variance = deviations / (pixels * static_cast<double>(group_channels_));
    const double scale = 1.0 / std::sqrt(variance + op_.epsilon);
    const auto near = static_cast<float>(mean);
    // the mean is subtracted as float32 has it; the rest of it goes into the shift
    const double rest = mean - static_cast<double>(near);
    for (int64_t c = begin; c < begin + group_channels_; ++c) {
      const double gain = scale * static_cast<double>(weight_[static_cast<size_t>(first + c)]);
      to.mean[c] = near;
      to.gain[c] = static_cast<float>(gain);
      to.shift[c] = static_cast<float>(static_cast<double>(bias_[static_cast<size_t>(first + c)]) -
                                       rest * gain);
    }
  }

  // y (1 + scale) + shift
  void apply_time(const Pass& pass, int64_t image, int64_t first, int64_t channels,
                  const Coefficients& to) const {
    const float* scale = pass.projection(op_.time, image) + first;
    const float* shift = scale + blocks_of(shape_.channels) * kLanes;
    for (int64_t c = 0; c < channels; ++c) {
      const double factor = 1.0 + static_cast<double>(scale[c]);
      to.gain[c] = static_cast<float>(static_cast<double>(to.gain[c]) * factor);
      to.shift[c] = static_cast<float>(static_cast<double>(to.shift[c]) * factor +
                                       static_cast<double>(shift[c]));
    }
  }

  NormOperator op_;
  ValueShape shape_;
  int64_t group_channels_;
  std::vector<float> weight_;
  std::vector<float> bias_;
  std::vector<NormUnit> units_;
};

}  // namespace

std::unique_ptr<Step> make_norm_step(const Engine& engine, const NormOperator& op,
                                     const TensorSource& tensors) {
  return std::make_unique<NormStep>(engine, op, tensors);
}

}  // namespace ddpm
