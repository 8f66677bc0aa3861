// The divergence of two normal distributions, and the logarithm of their distribution function.

#pragma once

namespace ddpm {

inline constexpr double kLogTwoPi = 1.8378770664093454836;  // ln(2 pi)

struct Gaussian {
  double mean;
  double variance;  // at least 0; at 0 all lies on the mean
};

// KL(q || p), the mean of ln(q / p) where q is drawn from, in nats:
//   1/2 (ln(p.variance / q.variance) - 1 + q.variance / p.variance
//        + (q.mean - p.mean)^2 / p.variance)
// At least 0, and not the same as the other way round. 0 for two equal points, infinite if only one
// of the two is a point.
double kl_of_q_from_p(Gaussian q, Gaussian p);

// ln Phi(u), Phi the standard normal distribution function, to a relative 1e-9 for every u: far in
// the tail too, where Phi itself is 0 in float64.
double log_normal_cdf(double u);

// ln(Phi(above) - Phi(below)), to a relative 1e-9 where `below` < `above`; infinite bounds are
// allowed. It does not lose the digits that the difference of two nearly equal numbers would.
double log_normal_mass(double below, double above);

}  // namespace ddpm
