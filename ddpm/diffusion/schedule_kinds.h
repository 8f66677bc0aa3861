// The sequences beta_1 .. beta_T that have a name, and a schedule as a configuration says it.

#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "ddpm/diffusion/schedule.h"

namespace ddpm {

// lin(a, b) is the sequence of T numbers that goes from a to b in equal steps, a alone for T = 1.
// Where a sequence is given by f, beta_t = 1 - f(t / T) / f((t - 1) / T), at most 0.999: f(u) is
// alpha_bar up to a factor. s is the logistic sigmoid.
enum class ScheduleKind {
  kLinear,        // lin(beta_1, beta_T), the same ends for every T; [DDPM] section 4
  kLinearScaled,  // the same with both ends times 1000 / T, so that alpha_bar_T hardly depends on T
  kQuadratic,     // lin(sqrt beta_1, sqrt beta_T)^2; diffusers calls it scaled_linear
  kWarmup10,      // lin(beta_1, beta_T) over the first tenth of the steps, then beta_T
  kWarmup50,      // the same over the first half
  kConstant,      // beta_T
  kJsd,           // 1 / (T - t + 1): each step erases as much of the image; beta_T is 1; [SD15]
  kCosine,        // f(u) = cos^2((u + 0.008) / 1.008 * pi / 2); [iDDPM] eq. 17
  kSigmoid,       // beta_1 + (beta_T - beta_1) s(lin(-6, 6)); of GeoDiff, diffusers' sigmoid
  kSigmoidAlphaBar,  // f(u) = s(3) - s(6 u - 3); of Jabri et al. 2022
  kExponential,      // f(u) = e^(-12 u): beta is constant for every T
  kLaplace,          // log SNR spread as Laplace's distribution; diffusers' laplace
  kList,             // betas of one's own
};

std::string to_string(ScheduleKind kind);  // "linear", "linear_scaled", "quadratic", ..
// Throws InvalidArgument, with the nearest name, for any other word. "scaled_linear" is quadratic.
ScheduleKind schedule_kind_from(std::string_view name);
const std::vector<ScheduleKind>& all_schedule_kinds();  // but for kList
std::vector<std::string> schedule_names();              // of all, "list" too

// Whether the betas of this kind depend on beta_1 or beta_T.
bool has_ends(ScheduleKind kind);

struct ScheduleConfig {
  ScheduleKind kind = ScheduleKind::kLinear;
  int64_t T = 1000;
  double beta_1 = 1e-4;            // in [0, 1]
  double beta_T = 0.02;            // in [0, 1]
  std::vector<double> betas = {};  // of kList alone: T of them
  bool zero_terminal_snr = false;  // zero_terminal_snr_betas is applied
  bool operator==(const ScheduleConfig&) const = default;
};

// Throws InvalidArgument unless T is in [1, Schedule::kMaxSteps] and every beta comes out in [0,
// 1].
Schedule make_schedule(const ScheduleConfig& config);

Schedule linear_schedule(int64_t T, double beta_1 = 1e-4, double beta_T = 0.02);
Schedule cosine_schedule(int64_t T);

// The betas rescaled so that alpha_bar_T is 0 and alpha_bar_1 stays: sqrt(alpha_bar) is shifted and
// stretched. Lin et al. 2023, algorithm 1. Throws InvalidArgument unless alpha_bar falls from t = 1
// to T.
std::vector<double> zero_terminal_snr_betas(const std::vector<double>& betas);

}  // namespace ddpm
