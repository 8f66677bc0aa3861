// The terms of the variational bound, [DDPM] eq. 5, of one image: plain loops in float64.
//
//   -ln p(x_0) <= L_T + sum over t = 2 .. T of L_{t-1} + L_0
//
// L_T is prior_term; L_{t-1}, for one t, is kl_term at t, the cost of the step t -> t - 1; L_0 is
// decoder_term at t = 1. Each is a cost, at least 0, in nats per dimension: the mean over the
// values of an image. Divided by ln 2 it is in bits.

#pragma once

#include <cstdint>
#include <span>
#include <string>

#include "ddpm/diffusion/decoder.h"
#include "ddpm/diffusion/schedule.h"

namespace ddpm {

inline constexpr double kNatsPerBit = 0.69314718055994530942;  // ln 2

// KL(q(x_t | x_0) || N(0, 1)) of a value whose x_0^2 is `power`, or of several that is their mean:
// what L_T would be if the process ended at t. Infinite where x_t has no noise.
double prior_term_at(const Schedule& schedule, int64_t t, double power);

// L_T: prior_term_at T. Depends on the image and the schedule alone.
double prior_term(const Schedule& schedule, std::span<const float> x0);

// Throws InvalidArgument that starts with `who` if a term is infinite whatever the model predicts:
// L_T if no beta adds noise, and L_{t-1} for a t >= 2 whose x_{t-1} has no noise, as after a first
// beta of 0.
void check_bound(const Schedule& schedule, const std::string& who);

// What the model says of the step from t to t - 1, value by value.
struct ReverseStep {
  std::span<const double> predicted_x0;  // clipped, if the model's mean is to be that of it
  std::span<const double> log_variance;  // one for each value, or one for all
};

// L_{t-1} = KL(q(x_{t-1} | x_t, x_0) || p(x_{t-1} | x_t)), t in [2, T]. With a mean of the form
// of [DDPM] eq. 7 x_t itself drops out. 0 for a step of beta_t = 0, in which nothing happens.
// Throws InvalidArgument if sizes differ or t is out of its range.
double kl_term(const Schedule& schedule, int64_t t, std::span<const float> x0,
               const ReverseStep& model);

// L_0 = -ln p(x_0 | x_1) by the discretised decoder; the mean of p is the predicted x_0. Throws
// InvalidArgument if sizes differ or x0 is no image of bytes.
double decoder_term(std::span<const float> x0, const ReverseStep& model, Cdf cdf);

// Either: kl_term for t >= 2, decoder_term at t = 1.
double bound_term(const Schedule& schedule, int64_t t, std::span<const float> x0,
                  const ReverseStep& model, Cdf cdf);

}  // namespace ddpm
