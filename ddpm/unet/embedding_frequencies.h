// The frequencies of the sinusoids that stand for a timestep.

#pragma once

#include <cstdint>
#include <vector>

namespace ddpm {

// e^(-i ln(10000) / (half - frequency_shift)) for i in [0, half), half = channels / 2: [DDPM]
// appendix B, unet/config.h defines frequency_shift. Exponent, quotient and
// exponential are float32 numbers, each rounded, as they are in the programs that these networks
// come from. Throws InvalidArgument unless channels >= 2 and 0 <= frequency_shift < half.
std::vector<float> embedding_frequencies(int64_t channels, int64_t frequency_shift);

}  // namespace ddpm
