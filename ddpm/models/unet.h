// The U-Net of [DDPM], appendix B, and its relatives: the network that is trained.
//
// Number for number it is diffusers' UNet2DModel, with every option that unet/config.h
// describes; models/golden_test.cc holds it to that program.

#pragma once

#include <cstdint>
#include <functional>
#include <optional>
#include <string_view>
#include <vector>

#include "ddpm/models/blocks.h"
#include "ddpm/models/dropout.h"
#include "ddpm/models/parameters.h"
#include "ddpm/tensor/tensor.h"
#include "ddpm/unet/config.h"

namespace ddpm {

// What one call of a network is about, beside images and times.
struct UNetCall {
  // Which samples these are, for training; none: evaluation, nothing is dropped.
  std::optional<DropoutKey> dropout = {};
  // int64 [N], each in [0, classes); undefined for a network without classes.
  Tensor labels = {};
  // Told what each part gave, on its way through: conv_in, down_blocks.N, mid_block, up_blocks.N,
  // conv_norm_out, by diffusers' names.
  std::function<void(std::string_view part, const Tensor& activation)> observe = {};
};

// Calls may run side by side; changing parameters may not run beside a call.
class UNet {
 public:
  // All parameters zero, on the CPU. Throws InvalidArgument as check_unet_config does.
  explicit UNet(const UNetConfig& config);

  const UNetConfig& config() const { return config_; }
  ParameterSet& parameters() { return parameters_; }
  const ParameterSet& parameters() const { return parameters_; }

  // Weights to begin with, see initialise.h.
  void initialise(uint64_t seed);

  void to(at::Device device) { parameters_.to(device); }

  // Channels-last activations and weights, or row-major ones; changes speed and rounding only. On
  // by default: docs/performance.md has the measurement.
  void use_channels_last(bool on);

  // The prediction for noisy images.
  //   x          float [N, C, H, W], of the configuration's extents
  //   timesteps  int64 [N], each in [0, T - 1], and below learned_times where there is a table
  //   result     [N, C, H, W], or [N, 2 C, H, W] with a learned variance
  // Throws InvalidArgument unless there are labels just where the network has classes.
  Tensor forward(const Tensor& x, const Tensor& timesteps, const UNetCall& call = {}) const;

 private:
  // What a call has on its way.
  struct Pass {
    const UNetCall& call;
    Tensor time;  // silu of the embedding
    std::optional<BlockDropout> drop;
    std::vector<Tensor> skips;
  };
  // A residual block and what follows it.
  struct Stage {
    Tensor operator()(const Tensor& x, const Pass& pass) const;

    ResidualBlock block;
    std::optional<AttentionBlock> attention;
  };
  struct Level {
    std::vector<Stage> stages;
    // To the next size, by one of the two; neither at the end of its path.
    std::optional<Layer> convolution;
    std::optional<ResidualBlock> block;
  };

  void build_down();
  void build_middle();
  void build_up();
  Stage make_stage(const std::string& prefix, int64_t number, int64_t in, int64_t out,
                   bool attention);
  void build_resampling(Level& level, const std::string& prefix, Resampling how,
                        BlockPlace::Size size, int64_t number);
  Tensor embed(const Tensor& timesteps, const Tensor& labels, at::ScalarType type) const;
  Tensor enter(const Tensor& x) const;
  Tensor go_down(Tensor h, Pass& pass) const;
  Tensor through_middle(Tensor h, const Pass& pass) const;
  Tensor go_up(Tensor h, Pass& pass) const;

  UNetConfig config_;
  ParameterSet parameters_;
  bool channels_last_ = false;
  int64_t blocks_ = 0;          // residual blocks so far, while it is built
  std::vector<int64_t> skips_;  // channels of the skip connections, while it is built

  Layer conv_in_;
  Tensor time_table_;  // [learned_times, base channels]; undefined: sinusoids
  Layer time1_;
  Layer time2_;
  Tensor class_table_;  // [classes, E]; undefined: none
  std::vector<Level> down_;
  std::optional<ResidualBlock> middle1_;
  std::optional<AttentionBlock> middle_attention_;
  std::optional<ResidualBlock> middle2_;
  std::vector<Level> up_;  // lowest level first
  GroupNorm norm_out_;
  Layer conv_out_;
};

}  // namespace ddpm
