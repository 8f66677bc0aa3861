// The noise schedule: how much of an image is left after t steps of diffusion.
//
// A schedule is the sequence beta_1 .. beta_T of Ho et al. 2020 [DDPM]. Time runs from 1 to T as in
// the paper and t = 0 is the clean image, so alpha_bar(0) == 1 and no formula needs a special case
// at either end. docs/notation.md gives every symbol's range and source.

#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace ddpm {

// One point of the process: x_t = signal * x_0 + sigma * eps, with signal^2 + sigma^2 == 1.
struct NoiseLevel {
  double signal;  // sqrt(alpha_bar_t), in (0, 1]
  double sigma;   // sqrt(1 - alpha_bar_t), in [0, 1)

  // Half the log signal-to-noise ratio, ln(signal / sigma); +infinity at t = 0.
  double lambda() const;
};

// The mean and variance of q(x_{t-1} | x_t, x_0), [DDPM] eq. 7:
//   mean = x0_weight * x_0 + xt_weight * x_t
// At t = 1 exactly x0_weight is 1 and the others are 0.
struct Posterior {
  double x0_weight;
  double xt_weight;
  double variance;  // beta_tilde_t
};

// Immutable, and safe to read from several threads. Its numbers are float64, because in float32 the
// difference 1 - alpha_bar_1 is already wrong in its fifth digit.
class Schedule {
 public:
  static constexpr int64_t kMaxSteps = 1'000'000;

  // beta_t rises in equal steps; unlike some, no beta is scaled by T. [DDPM] section 4 has T = 1000
  // and these defaults. Throws InvalidArgument unless T is in [2, kMaxSteps] and
  // 0 < beta_1 <= beta_T < 1.
  static Schedule linear(int64_t T, double beta_1 = 1e-4, double beta_T = 0.02);

  // alpha_bar_t falls as a squared cosine and beta_t stops at 0.999. [iDDPM] eq. 17.
  // Throws InvalidArgument unless T is in [2, kMaxSteps] and offset > 0.
  static Schedule cosine(int64_t T, double offset = 0.008);

  // betas[t - 1] is beta_t. Throws InvalidArgument unless there are 1 to kMaxSteps, each in (0, 1),
  // and alpha_bar_T is above the smallest normal float64, 2.2e-308.
  explicit Schedule(const std::vector<double>& betas);

  int64_t steps() const { return static_cast<int64_t>(beta_.size()) - 1; }  // T

  // Outside its range of t each of these throws InvalidArgument.
  double beta(int64_t t) const;          // t in [1, T]
  double alpha_bar(int64_t t) const;     // prod_{s <= t} (1 - beta_s); t in [0, T]
  NoiseLevel level(int64_t t) const;     // t in [0, T]
  Posterior posterior(int64_t t) const;  // t in [1, T]

 private:
  void check_time(int64_t t, int64_t first) const;

  std::vector<double> beta_;       // [T + 1], beta_[0] unused
  std::vector<double> alpha_bar_;  // [T + 1]
  std::vector<double> variance_;   // [T + 1], 1 - alpha_bar
};

enum class ScheduleKind { kLinear, kCosine };

std::string to_string(ScheduleKind kind);  // "linear", "cosine"
// Throws InvalidArgument, with the nearest name, for any other word.
ScheduleKind schedule_kind_from(std::string_view name);
const std::vector<ScheduleKind>& all_schedule_kinds();

// A schedule as a configuration says it.
struct ScheduleConfig {
  ScheduleKind kind = ScheduleKind::kLinear;
  int64_t T = 1000;
  double beta_1 = 1e-4;  // of the linear schedule
  double beta_T = 0.02;
  bool operator==(const ScheduleConfig&) const = default;
};

// Throws what the schedule's own function throws.
Schedule make_schedule(const ScheduleConfig& config);

}  // namespace ddpm
