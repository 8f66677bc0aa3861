// Where LibTorch computes, and with how many threads.

#pragma once

#include <string>

#include "ddpm/tensor/tensor.h"

namespace ddpm {

// "auto" (the first GPU that LibTorch has, else the CPU), "cpu", "cuda" or "cuda:N". Asking for a
// GPU loads LibTorch's CUDA library if it lies beside the others. Throws InvalidArgument that
// starts with `who` for another word or a device that is not there.
at::Device open_device(const std::string& who, const std::string& name);

// How many threads LibTorch works with; 0: one for each usable core (base/cores.h). Returns the
// number. Call before any tensor is made.
int64_t set_threads(int64_t threads);

}  // namespace ddpm
