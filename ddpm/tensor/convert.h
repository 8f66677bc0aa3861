// Between arrays on the host and tensors.

#pragma once

#include <span>
#include <vector>

#include "ddpm/base/batch.h"
#include "ddpm/tensor/tensor.h"

namespace ddpm {

// A copy of the batch on `device`, float32 [N, C, H, W].
Tensor to_tensor(ConstBatchView batch, at::Device device);

// A copy of these numbers on `device`, int64 [N].
Tensor to_tensor(std::span<const int64_t> numbers, at::Device device);

// The same of real numbers, rounded to float32.
Tensor to_float_tensor(std::span<const double> numbers, at::Device device);

// Writes the tensor, of any device, floating dtype and memory order, into the batch. Throws
// InvalidArgument if the shapes differ.
void copy_to(const Tensor& tensor, BatchView batch);

// The numbers of a tensor in row-major order.
std::vector<double> to_doubles(const Tensor& tensor);

}  // namespace ddpm
