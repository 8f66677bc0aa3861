#include "ddpm/tensor/convert.h"

#include <ATen/core/grad_mode.h>
#include <ATen/ops/empty.h>

#include <algorithm>

#include "ddpm/base/check.h"

namespace ddpm {

Tensor to_tensor(ConstBatchView batch, at::Device device) {
  const BatchShape& shape = batch.shape();
  Tensor host = at::empty({shape.images, shape.channels, shape.height, shape.width}, at::kFloat);
  std::copy(batch.values().begin(), batch.values().end(), host.mutable_data_ptr<float>());
  return host.to(device);
}

Tensor to_tensor(std::span<const int64_t> numbers, at::Device device) {
  Tensor host = at::empty({std::ssize(numbers)}, at::kLong);
  std::copy(numbers.begin(), numbers.end(), host.mutable_data_ptr<int64_t>());
  return host.to(device);
}

Tensor to_float_tensor(std::span<const double> numbers, at::Device device) {
  Tensor host = at::empty({std::ssize(numbers)}, at::kFloat);
  std::transform(numbers.begin(), numbers.end(), host.mutable_data_ptr<float>(),
                 [](double number) { return static_cast<float>(number); });
  return host.to(device);
}

void copy_to(const Tensor& tensor, BatchView batch) {
  const BatchShape& shape = batch.shape();
  DDPM_CHECK(tensor.dim() == 4 && tensor.size(0) == shape.images &&
                 tensor.size(1) == shape.channels && tensor.size(2) == shape.height &&
                 tensor.size(3) == shape.width,
             "copy_to: wanted a tensor of the shape ", shape, ", got ", tensor.sizes());
  const Tensor host = tensor.detach().to(at::kCPU, at::kFloat).contiguous();
  const float* values = host.const_data_ptr<float>();
  std::copy(values, values + shape.size(), batch.values().begin());
}

std::vector<double> to_doubles(const Tensor& tensor) {
  const Tensor host = tensor.detach().to(at::kCPU, at::kDouble).contiguous();
  const double* values = host.const_data_ptr<double>();
  return {values, values + host.numel()};
}

}  // namespace ddpm
