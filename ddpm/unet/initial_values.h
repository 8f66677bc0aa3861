// The values that the parameters of a network begin with, as the paper's authors draw them.
//
// Weights follow Glorot's uniform distribution, bound sqrt(6 scale / (fan_in + fan_out)), where the
// fans count the kernel's positions. The scale is 1; it is 1e-10 for the last layer of each
// residual block, of each attention block and of the network, so that each block begins as the
// identity. Normalisations begin with weight 1, and all biases with 0. The tables of learned times
// and of classes, which the paper's network does not have, begin standard normal, as PyTorch's and
// so diffusers' do.

#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <vector>

#include "ddpm/unet/config.h"

namespace ddpm {

// The distribution of all elements of one parameter.
struct InitialValues {
  enum class Kind {
    kZeros,
    kOnes,
    kUniform,  // in [-bound, bound)
    kNormal,   // mean 0, variance 1
  };

  Kind kind = Kind::kZeros;
  double bound = 0.0;  // of kUniform, > 0; otherwise 0

  bool operator==(const InitialValues&) const = default;
};

// Of each parameter, in the order of unet_parameters. Throws InvalidArgument as check_unet_config
// does.
std::vector<InitialValues> initial_values(const UNetConfig& config);

// Writes the elements, row-major, of parameter k: a function of the seed and k alone, with the same
// bits on every machine.
void fill_initial_values(const InitialValues& values, uint64_t seed, size_t k,
                         std::span<float> elements);

}  // namespace ddpm
