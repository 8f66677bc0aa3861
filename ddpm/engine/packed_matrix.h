// A matrix of weights as the kernels read it, in one of two number types.

#pragma once

#include <cstdint>
#include <functional>
#include <string>
#include <vector>

#include "ddpm/engine/memory.h"
#include "ddpm/kernels/kernels.h"
#include "ddpm/unet/precision.h"

namespace ddpm {

// Bytes of a number that is multiplied.
constexpr int64_t size_of_factor(Precision precision) {
  return precision == Precision::kFloat32 ? 4 : 2;
}

// One panel's product, see kernels/gemm.h, in either number type.
struct PanelProduct {
  Precision precision;
  const void* const* a;  // a pointer for each block of k, to numbers of the precision
  int64_t k_blocks;
  const std::byte* b;  // the matrix that the panel is of
  int64_t columns;     // of the matrix
  int64_t panel;
  int64_t rows;
  float* c0;
  float* c1;  // of the second 16 columns; not used if the panel has 16
};
void multiply_panel(const Kernels& kernels, const PanelProduct& product);

// The values of a tensor of the network by its name, in row-major order; may be called by several
// threads at once.
using TensorSource = std::function<std::vector<float>(const std::string& name)>;

// A matrix [k][columns] in the panels of kernels/gemm.h.
class PackedMatrix {
 public:
  PackedMatrix() = default;
  // Numbers that are yet to be filled in. `k` is a multiple of 16.
  PackedMatrix(Precision precision, int64_t k, int64_t columns);

  void fill(const float* panels);  // from all panels in float32

  Precision precision() const { return precision_; }
  int64_t k_blocks() const { return k_ / kLanes; }
  int64_t columns() const { return columns_; }
  int64_t bytes() const { return memory_.size(); }

  // C = A B for one panel: `a` are rows in blocks, of the precision's number type.
  void multiply(const Kernels& kernels, int64_t panel, const void* const* a, int64_t rows,
                float* c0, float* c1) const;

 private:
  Precision precision_ = Precision::kFloat32;
  int64_t k_ = 0;
  int64_t columns_ = 0;
  Memory memory_;
};

// A packed [in][out] of the weights [out][in] of a linear layer or 1x1 convolution.
PackedMatrix pack_linear(Precision precision, const std::vector<float>& weights, int64_t in,
                         int64_t out);

}  // namespace ddpm
