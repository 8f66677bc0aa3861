// The kernels as one path of the CPU has them.
//
// One source, gemm_internal.h and its like, is compiled once a path over that path's vectors; the
// contracts are in gemm.h, winograd.h and elementwise.h. A path's results do not depend on the
// machine, but two paths' differ in rounding.

#pragma once

#include <cstdint>

#include "ddpm/kernels/cpu_path.h"
#include "ddpm/kernels/elementwise.h"
#include "ddpm/kernels/gemm.h"
#include "ddpm/kernels/winograd.h"

namespace ddpm {

struct Kernels {
  void (*gemm)(const GemmPanel& call);
  void (*gemm_bf16)(const GemmPanelBf16& call);
  void (*pack_activation)(const PackActivation& call);  // B = A
  void (*pack_transposed)(const PackActivation& call);  // B = A^T
  void (*winograd_input)(const WinogradInput& call);
  void (*winograd_output)(const WinogradOutput& call);
  void (*winograd_weights)(const WinogradWeights& call);
  void (*moments)(const float* x, int64_t pixels, Moments* result);
  void (*normalise)(const Normalise& call);
  void (*softmax)(const Softmax& call);
  void (*finish)(const Finish& call);
  void (*silu)(float* x, int64_t values);                             // a multiple of 16
  void (*to_bf16)(const float* x, int64_t values, uint16_t* result);  // likewise
};

// Throws InvalidArgument unless `path` is one of available_cpu_paths().
const Kernels& kernels_of(CpuPath path);

}  // namespace ddpm
