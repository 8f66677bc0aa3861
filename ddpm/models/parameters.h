// The tensors of a network by their names.

#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <unordered_map>
#include <vector>

#include "ddpm/diffusers/parameters.h"
#include "ddpm/tensor/tensor.h"
#include "ddpm/unet/config.h"
#include "ddpm/unet/parameters.h"

namespace ddpm {

struct NamedTensor {
  std::string name;
  Tensor value;
};

// The parameters of one network, exactly those of unet_parameters(config) in that order. A tensor
// keeps its identity for life: whoever holds a copy of the handle sees what is written and where it
// moves.
class ParameterSet {
 public:
  explicit ParameterSet(const UNetConfig& config);  // float32 on the CPU, all zero

  const std::vector<NamedTensor>& all() const { return all_; }
  const Tensor& at(const std::string& name) const;  // throws InvalidArgument if there is none

  // Moves every tensor; a gradient is left behind.
  void to(at::Device device);
  void to(at::ScalarType type);

  // Lays the weights of convolutions out channels-last, or back.
  void use_channels_last(bool on);

  // Writes these numbers, in the order of all(), whatever device and layout the tensors have.
  void copy_from(const ParameterValues& values);
  // The same of one of them alone.
  void copy_one(size_t number, std::span<const float> values);

 private:
  std::vector<NamedTensor> all_;
  std::unordered_map<std::string, size_t> index_;
};

}  // namespace ddpm
