// Products in bfloat16.

#pragma once

#include "ddpm/tensor/tensor.h"

namespace ddpm {

// While it lives, LibTorch's convolutions, linear layers and attention products on that kind of
// device take their factors in bfloat16 and add in float32. Normalisations are written to stay in
// float32 (blocks.cc); softmax, loss, optimiser and average do. Of this thread only.
class AutocastBFloat16 {
 public:
  explicit AutocastBFloat16(at::DeviceType device);
  ~AutocastBFloat16();
  AutocastBFloat16(const AutocastBFloat16&) = delete;
  AutocastBFloat16& operator=(const AutocastBFloat16&) = delete;

 private:
  at::DeviceType device_;
  bool enabled_before_;
  at::ScalarType type_before_;
};

}  // namespace ddpm
