#include "ddpm/models/parameters.h"

#include <ATen/core/grad_mode.h>
#include <ATen/ops/empty.h>
#include <ATen/ops/zeros.h>

#include <algorithm>

#include "ddpm/base/check.h"
#include "ddpm/unet/parameters.h"

namespace ddpm {

ParameterSet::ParameterSet(const UNetConfig& config) {
  for (const NamedShape& parameter : unet_parameters(config)) {
    index_[parameter.name] = all_.size();
    all_.push_back({parameter.name, at::zeros(parameter.shape, at::kFloat)});
  }
}

const Tensor& ParameterSet::at(const std::string& name) const {
  const auto found = index_.find(name);
  DDPM_CHECK(found != index_.end(), "network: there is no parameter '", name, "'");
  return all_[found->second].value;
}

void ParameterSet::to(at::Device device) {
  const at::NoGradGuard no_grad;
  for (NamedTensor& parameter : all_) parameter.value.set_data(parameter.value.to(device));
}

void ParameterSet::to(at::ScalarType type) {
  const at::NoGradGuard no_grad;
  for (NamedTensor& parameter : all_) parameter.value.set_data(parameter.value.to(type));
}

void ParameterSet::use_channels_last(bool on) {
  const at::NoGradGuard no_grad;
  const auto format = on ? at::MemoryFormat::ChannelsLast : at::MemoryFormat::Contiguous;
  for (NamedTensor& parameter : all_) {
    if (parameter.value.dim() == 4) parameter.value.set_data(parameter.value.contiguous(format));
  }
}

void ParameterSet::copy_from(const ParameterValues& values) {
  DDPM_ASSERT(values.size() == all_.size());
  for (size_t i = 0; i < values.size(); ++i) copy_one(i, values[i]);
}

void ParameterSet::copy_one(size_t number, std::span<const float> values) {
  const at::NoGradGuard no_grad;
  const Tensor& tensor = all_.at(number).value;
  Tensor host = at::empty(tensor.sizes(), at::kFloat);
  DDPM_ASSERT(host.numel() == std::ssize(values));
  std::copy(values.begin(), values.end(), host.mutable_data_ptr<float>());
  tensor.detach().copy_(host);
}

}  // namespace ddpm
