// Box-Muller with this library's own elementary functions: only + - * / and sqrt, which IEEE 754
// rounds in one way, so that the numbers are the same bits on every machine and with every C
// library.

#pragma once

#include <cstdint>

namespace ddpm {

// The natural logarithm of x in [2^-60, 1]; relative error at most 4e-16.
double log_of_fraction(double x);

// sin and cos of 2 pi u for u in [0, 1); absolute error at most 3e-16.
void sin_cos_turns(double u, double* sine, double* cosine);

// Two independent standard normal numbers from two uniform words.
void normal_pair(uint64_t radius_word, uint64_t angle_word, double* normals);

}  // namespace ddpm
