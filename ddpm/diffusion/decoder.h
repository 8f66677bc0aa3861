// The discretised decoder: the probability of a byte under the last reverse step. [DDPM] eq. 13.

#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace ddpm {

// How the normal distribution function is computed.
enum class Cdf {
  kExact,  // as it is, and finite everywhere: 256 probabilities sum to 1
  kTanh,   // 1/2 (1 + tanh(sqrt(2 / pi) (u + 0.044715 u^3))), off by up to 1.8e-4, and no
           // probability below 1e-12: what published likelihoods were computed with
};

std::string to_string(Cdf cdf);  // "exact", "tanh"
// Throws InvalidArgument, with the nearest name, for any other word.
Cdf cdf_from(std::string_view name);
const std::vector<Cdf>& all_cdfs();

inline constexpr double kBytesInOne = 127.5;     // in a length of 1 of x_0
inline constexpr double kHalfBin = 1.0 / 255.0;  // half the distance of two bytes, in x_0

// Byte v as the x_0 that it is: v / 127.5 - 1.
double x0_of_byte(int byte);
// The byte of an x_0 on that grid. Throws InvalidArgument if x_0 is off the grid by more than a
// hundredth of its step: such an image has no discrete likelihood.
int byte_of_x0(double x0);

// ln p(x_0 | x_1), in nats: the mass of N(mean, e^log_variance) on the byte's bin, which reaches
// 1/255 to both sides of x_0, and from the first and the last byte to infinity.
//   byte          in [0, 255]
//   mean          of the reverse step, finite
//   log_variance  its ln sigma^2, finite
double log_decoder(int byte, double mean, double log_variance, Cdf cdf);

}  // namespace ddpm
