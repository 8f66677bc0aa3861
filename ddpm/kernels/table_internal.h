// The body of a path_*.cc, behind the vectors of its path.

#pragma once

#include "ddpm/kernels/elementwise_internal.h"
#include "ddpm/kernels/gemm_internal.h"
#include "ddpm/kernels/paths_internal.h"
#include "ddpm/kernels/winograd_internal.h"

#define DDPM_KERNEL_TABLE                                                                         \
  {                                                                                               \
    .gemm = gemm_panel<Float32Product, GemmPanel>,                                                \
    .gemm_bf16 = gemm_panel<Bfloat16Product, GemmPanelBf16>, .pack_activation = pack_activation,  \
    .pack_transposed = pack_transposed, .winograd_input = winograd_input,                         \
    .winograd_output = winograd_output, .winograd_weights = winograd_weights, .moments = moments, \
    .normalise = normalise, .softmax = softmax, .finish = finish, .silu = silu,                   \
    .to_bf16 = convert_to_bf16,                                                                   \
  }
