// The kernels' operations by oneDNN on one thread, for the benchmarks; nothing where the build has
// no oneDNN.
//
// Each comes in the layouts that oneDNN itself asks for, brought into them beforehand. Arrays that
// are passed and given back are row-major float32; with `bf16` oneDNN gets them rounded.

#pragma once

#include <cstdint>
#include <functional>
#include <string>
#include <vector>

#include "ddpm/kernels/cpu_path.h"

namespace ddpm {

struct OnednnPrimitive {
  std::string name;  // "matmul, brg:avx512_core": the operation, and oneDNN's name of its code
  std::function<void()> run;
  std::function<std::vector<float>()> result;  // of the last run
};
// Of several ways those that this oneDNN and CPU have.
using OnednnPrimitives = std::vector<OnednnPrimitive>;

std::string onednn_version();  // "2.6.3"; "" without it

// One thread; and the path's instructions, if that is not the best path here, whose instructions
// need no limit. Comes before all else.
void limit_onednn(CpuPath path);

struct OnednnImages {
  int64_t images, height, width;
  int64_t pixels() const { return images * height * width; }
};

// [pixels][k] by [k][columns], bf16 with a float32 result: a product of matrices, and a 1x1
// convolution.
OnednnPrimitives onednn_products(bool bf16, const OnednnImages& shape, int64_t k, int64_t columns,
                                 const std::vector<float>& a, const std::vector<float>& b);

// 3x3 with padding 1, bf16 with a float32 result: x [pixels][in], weights [out][in][3][3], bias
// [out]; directly, by Winograd's algorithm, and as oneDNN chooses.
OnednnPrimitives onednn_convolutions(bool bf16, const OnednnImages& shape, int64_t in, int64_t out,
                                     const std::vector<float>& x, const std::vector<float>& weights,
                                     const std::vector<float>& bias);

// Of each row of [rows][columns]; float32 in place, or with a bf16 result.
OnednnPrimitives onednn_softmax(bool bf16, int64_t rows, int64_t columns,
                                const std::vector<float>& s);

// x / (1 + e^-x) in place.
OnednnPrimitives onednn_silu(const std::vector<float>& x);

// A copy from strides to strides; the result is the memory from its begin on.
struct OnednnReorder {
  bool bf16;  // the result's numbers
  std::vector<int64_t> extents;
  std::vector<int64_t> from;
  std::vector<int64_t> to;
};
OnednnPrimitives onednn_reorder(const OnednnReorder& reorder, const std::vector<float>& values);

}  // namespace ddpm
