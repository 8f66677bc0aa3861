// The variance of the model's reverse step p(x_s | x_t).

#pragma once

#include <cmath>
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

// "fixed_large", "fixed_small", "learned", "learned_range".
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
  bool is_finite() const { return std::isfinite(lower) && std::isfinite(upper); }
};

// Of the step from t to s; 0 <= s < t <= T. Where x_s has no noise, as at s = 0, beta_tilde is 0
// and no noise is added; lower is then ln beta_tilde_2, as likelihoods are computed with: the first
// that is not 0 and of no idle step, and upper if there is none. Both are -infinity for a step
// between times above 0 in which nothing happens.
LogVarianceRange log_variance_range(const Schedule& schedule, int64_t s, int64_t t);

// What the second half o of a network's output says of the step from t to s.
class LearnedLogVariance {
 public:
  // [iDDPM] eq. 15 between these ends, whatever the step.
  explicit LearnedLogVariance(LogVarianceRange ends);
  // Of an output that is the variance itself and not its logarithm: ln o, NaN below 0. diffusers
  // reads "learned" so, the papers do not.
  static LearnedLogVariance of_plain_output();

  // Throws InvalidArgument unless the variance is a learned one and 0 <= s < t <= T.
  LearnedLogVariance(Variance variance, const Schedule& schedule, int64_t s, int64_t t);

  // ln sigma^2; NaN if the output is. A learned_range is between the ends of this step, however
  // long. A variance that was learned itself was learned for s = t - 1, or up to the last time
  // before t at which the process changes: to a longer step its place between the ends of that one
  // is carried over, cut to lie between them, because e^o as it stands would be far too little
  // noise. -infinity for a step in which nothing happens.
  double at(double output) const;

  // Whether it is finite for every finite output: not for a step in which nothing happens.
  bool is_finite() const { return is_plain_ || step_.is_finite(); }

 private:
  Variance variance_ = Variance::kLearned;
  bool is_plain_ = false;
  LogVarianceRange step_ = {};  // of t to s
  LogVarianceRange one_ = {};   // of t to t - 1
  bool is_one_ = true;
};

// Of the step from t to t - 1 of a likelihood, by a fixed variance: ln beta_t or ln beta_tilde_t;
// at t = 1 ln beta_tilde_2 by either, which makes a better decoder than ln beta_1.
double fixed_log_variance(Variance variance, const Schedule& schedule, int64_t t);

}  // namespace ddpm
