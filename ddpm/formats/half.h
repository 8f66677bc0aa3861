// Numbers of 16 bits and float32, one into the other.
//
//   half       IEEE 754 binary16: 5 bits of exponent, 10 of fraction; largest 65504
//   bfloat16   the upper half of a float32: 8 bits of exponent, 7 of fraction
//
// Reading is exact. Writing rounds to the nearest number and of two as near to the one whose last
// bit is 0, subnormal ones too; what lies beyond the largest by half a step or more becomes an
// infinity, and a NaN stays a NaN. Both signs of zero are kept.

#pragma once

#include <cstdint>

namespace ddpm {

float float_of_half(uint16_t bits);
float float_of_bfloat16(uint16_t bits);

uint16_t half_of_float(float value);      // infinite from 65520 on
uint16_t bfloat16_of_float(float value);  // infinite from 2^128 - 2^119 on

}  // namespace ddpm
