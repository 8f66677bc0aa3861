// The one spelling of a tensor in this library's headers.
//
// <ATen/core/Tensor.h> is the cheapest header with the full type. A header that includes
// <torch/torch.h> instead makes every file that includes it nine times as slow to compile.

#pragma once

#include <ATen/core/Tensor.h>

namespace ddpm {

using at::Tensor;

}  // namespace ddpm
