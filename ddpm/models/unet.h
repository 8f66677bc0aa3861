// The U-Net of [DDPM], appendix B, and its relatives on LibTorch's tensors: the network that is
// trained.
//
// It interprets the graph of unet/graph.h. Number for number it is diffusers' UNet2DModel with
// every option of unet/config.h; models/golden_test.cc compares the two.

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
#include "ddpm/unet/graph.h"

namespace ddpm {

// The inputs of a call besides images and times.
struct UNetCall {
  // Which samples these are, for training; none: evaluation, nothing is dropped.
  std::optional<DropoutKey> dropout = {};
  // int64 [N], each in [0, classes); undefined for a network without classes.
  Tensor labels = {};
  // Called with the output of each top-level module, see Graph::modules.
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

  // The values to begin with, see unet/initial_values.h.
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
  Tensor embed(const Tensor& timesteps, const Tensor& labels, at::ScalarType type) const;

  UNetConfig config_;
  Graph graph_;
  ParameterSet parameters_;
  bool channels_last_ = false;

  Tensor time_table_;  // [learned_times, base channels]; undefined: sinusoids
  Layer time1_;
  Layer time2_;
  Tensor class_table_;              // [classes, E]; undefined: none
  std::vector<Layer> projections_;  // of the time embedding, in the order of the graph's
  // Of each operator of the graph: its layers, and the values that nobody reads after it.
  std::vector<std::vector<Layer>> layers_;
  std::vector<std::vector<ValueId>> last_reads_;
};

}  // namespace ddpm
