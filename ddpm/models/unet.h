// The U-Net of [DDPM], appendix B: the network that is trained.
//
// Tensor for tensor it is diffusers' UNet2DModel as the google/ddpm-* models configure it. It is
// built from the one description in formats/unet_config.h.

#pragma once

#include <cstdint>
#include <optional>
#include <vector>

#include "ddpm/formats/unet_config.h"
#include "ddpm/models/blocks.h"
#include "ddpm/models/dropout.h"
#include "ddpm/models/parameters.h"
#include "ddpm/tensor/tensor.h"

namespace ddpm {

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
  //   timesteps  int64 [N], each in [0, T - 1]
  //   dropout    which samples these are, for training; none: evaluation, nothing is dropped
  //   result     [N, C, H, W]
  Tensor forward(const Tensor& x, const Tensor& timesteps,
                 const std::optional<DropoutKey>& dropout = std::nullopt) const;

 private:
  // A residual block and what follows it.
  struct Stage {
    ResidualBlock block;
    std::optional<AttentionBlock> attention;
  };
  struct Level {
    std::vector<Stage> stages;
    std::optional<Layer> resample;  // none at the end of its path
  };

  void build_down();
  void build_up();
  Stage make_stage(const std::string& prefix, int64_t number, int64_t in, int64_t out,
                   bool attention);
  Tensor embed(const Tensor& timesteps, at::ScalarType type) const;

  UNetConfig config_;
  ParameterSet parameters_;
  bool channels_last_ = false;
  int64_t blocks_ = 0;          // residual blocks so far, while it is built
  std::vector<int64_t> skips_;  // channels of the skip connections, while it is built

  Layer conv_in_;
  Layer time1_;
  Layer time2_;
  std::vector<Level> down_;
  std::optional<ResidualBlock> middle1_;
  std::optional<AttentionBlock> middle_attention_;
  std::optional<ResidualBlock> middle2_;
  std::vector<Level> up_;  // lowest level first
  GroupNorm norm_out_;
  Layer conv_out_;
};

}  // namespace ddpm
