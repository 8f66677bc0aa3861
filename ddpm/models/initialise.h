// The weights that a network begins with, as the paper's authors draw them.

#pragma once

#include <cstdint>

#include "ddpm/models/parameters.h"

namespace ddpm {

// Glorot's uniform distribution, bound sqrt(6 scale / (fan_in + fan_out)) where fans count the
// kernel's positions, with scale 1; and 1e-10 for the last layer of each residual block, of each
// attention block and of the network, so that each block begins as the identity. Normalisations
// begin with weight 1 and all biases with 0. The tables of learned times and of classes, which the
// paper's network does not have, begin standard normal, as PyTorch's and so diffusers' do; all
// other options follow the authors' rule. Parameter i depends on the seed and on i alone, the same
// bits on every machine.
void initialise(ParameterSet& parameters, uint64_t seed);

// The bound above for a weight of this name and shape; 0 for a bias, a normalisation or a table.
double initial_bound(const NamedTensor& parameter);

}  // namespace ddpm
