// The noise schedule: how much of an image is left after t steps of diffusion.
//
// A schedule is the sequence beta_1 .. beta_T of Ho et al. 2020 [DDPM]. Time runs from 1 to T as in
// the paper and t = 0 is the clean image, so alpha_bar(0) == 1 and no formula needs a special case
// at either end. docs/notation.md gives every symbol's range and source; schedule_kinds.h has the
// sequences that have a name.

#pragma once

#include <cstdint>
#include <vector>

namespace ddpm {

// One point of the process: x_t = signal * x_0 + sigma * eps, with signal^2 + sigma^2 == 1.
struct NoiseLevel {
  double signal;  // sqrt(alpha_bar_t), in [0, 1]
  double sigma;   // sqrt(1 - alpha_bar_t), in [0, 1]

  // Half the log signal-to-noise ratio, ln(signal / sigma); +infinity where nothing is lost, as at
  // t = 0, and -infinity where nothing is left.
  double lambda() const;

  // Whether x_t is x_0: sigma is 0, or below 1e-12, which no float32 image can show.
  bool is_clean() const { return sigma < 1e-12; }
};

// Whether the reverse step between these levels leaves x as it is: x_t is the clean image already,
// or both are pure noise, or they are one level (beta is 0 in between). No formula of a sampler has
// a value there: each divides by the noise that is left, or by the distance in lambda.
bool is_idle_step(NoiseLevel from, NoiseLevel to);

// q(x_t | x_s) = N(signal * x_s, variance) for times s < t. Of one step it is [DDPM] eq. 2.
struct Transition {
  double signal;    // sqrt(alpha_bar_t / alpha_bar_s), in [0, 1]
  double variance;  // the rest to 1 of its square, in [0, 1]
};

// The mean and variance of q(x_s | x_t, x_0); of one step [DDPM] eq. 7:
//   mean = x0_weight * x_0 + xt_weight * x_t
// At s = 0 exactly x0_weight is 1 and the others are 0.
struct Posterior {
  double x0_weight;
  double xt_weight;
  double variance;  // beta_tilde_t for s = t - 1
};

// Immutable, and safe to read from several threads. Its numbers are float64, because in float32 the
// difference 1 - alpha_bar_1 is already wrong in its fifth digit.
class Schedule {
 public:
  static constexpr int64_t kMaxSteps = 1'000'000;

  // betas[t - 1] is beta_t. In a step with beta_t = 0 nothing happens; one with beta_t = 1 leaves
  // nothing of the image, and alpha_bar is 0 from there on. A subnormal beta, below 2.2e-308,
  // counts as 0. Throws InvalidArgument unless there are 1 to kMaxSteps, each in [0, 1], and
  // alpha_bar_T is at least the smallest normal float64, 2.2e-308, or 0 because a beta is 1.
  explicit Schedule(const std::vector<double>& betas);

  int64_t steps() const { return static_cast<int64_t>(beta_.size()) - 1; }  // T

  // Outside its range of times each of these throws InvalidArgument.
  double beta(int64_t t) const;       // t in [1, T]
  double alpha_bar(int64_t t) const;  // prod_{s <= t} (1 - beta_s); t in [0, T]
  NoiseLevel level(int64_t t) const;  // t in [0, T]

  // Of the steps s + 1 .. t together; 0 <= s < t <= T.
  Transition transition(int64_t s, int64_t t) const;
  // Of x_s given x_t and x_0; 0 <= s < t <= T. Where no noise has been added up to t, x_s is x_0.
  Posterior posterior(int64_t s, int64_t t) const;
  Posterior posterior(int64_t t) const { return posterior(t - 1, t); }  // t in [1, T]

 private:
  void check_time(int64_t t, int64_t first) const;
  void check_times(int64_t s, int64_t t) const;

  std::vector<double> beta_;       // [T + 1], beta_[0] unused
  std::vector<double> alpha_bar_;  // [T + 1]
  std::vector<double> variance_;   // [T + 1], 1 - alpha_bar
};

}  // namespace ddpm
