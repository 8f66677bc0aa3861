// The variance of the model's reverse step p(x_s | x_t).

#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "ddpm/diffusion/schedule.h"

namespace ddpm {

// beta is the variance of q(x_t | x_s) and beta_tilde that of q(x_s | x_t, x_0). [DDPM] section
// 3.2: the fixed ones gave similar results; the first is right for x_0 ~ N(0, 1), the second for an
// x_0 that is a single point, and all others lie between.
enum class Variance {
  kFixedLarge,    // beta
  kFixedSmall,    // beta_tilde
  kLearned,       // e^o: the second half o of the network's output channels is its logarithm
  kLearnedRange,  // [iDDPM] eq. 15: e^(f ln beta + (1 - f) ln beta_tilde), f = (o + 1) / 2
};

// "fixed_large", "fixed_small", "learned", "learned_range". "fixed_large_log" and "fixed_small_log"
// are other names of the first two, whose logarithms other software keeps.
std::string to_string(Variance variance);
// Throws InvalidArgument, with the nearest name, for any other word.
Variance variance_from(std::string_view name);
const std::vector<Variance>& all_variances();

// Whether the network has twice as many output channels as its images have.
bool is_learned(Variance variance);

// The logarithms between which the variance of a step is chosen.
struct LogVarianceRange {
  double lower;  // ln beta_tilde
  double upper;  // ln beta

  double at(double output) const {  // [iDDPM] eq. 15
    const double f = 0.5 * (output + 1.0);
    return f * upper + (1.0 - f) * lower;
  }
};

// Of the step from t to s; 0 <= s < t <= T. For s = 0, where beta_tilde is 0 and no noise is added,
// lower is ln beta_tilde_2, as likelihoods are computed with: the first that is not 0, and upper if
// there is none. A logarithm of 0, of a step in which nothing happens, is -infinity.
LogVarianceRange log_variance_range(const Schedule& schedule, int64_t s, int64_t t);

// Of the step from t to t - 1 of a likelihood, by a fixed variance: ln beta_t or ln beta_tilde_t;
// at t = 1 ln beta_tilde_2 by either, which makes a better decoder than ln beta_1.
double fixed_log_variance(Variance variance, const Schedule& schedule, int64_t t);

}  // namespace ddpm
