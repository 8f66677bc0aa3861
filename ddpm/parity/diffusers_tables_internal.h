// alpha_bar by time, in the precision and with the end that a diffusers plan wants.

#pragma once

#include <cmath>
#include <span>
#include <type_traits>
#include <vector>

#include "ddpm/base/check.h"
#include "ddpm/diffusion/float32_schedule.h"
#include "ddpm/parity/switches.h"
#include "ddpm/sampling/sampler.h"
#include "ddpm/sampling/times.h"

namespace ddpm {

template <typename Real>
class DiffusersTables {
 public:
  // float numbers are those of parity.betas, which then has one for each time.
  DiffusersTables(const SamplerOptions& options, const Parity& parity, const Schedule& schedule)
      : parity_(parity), ends_at_one_(options.ends_at_one) {
    if constexpr (std::is_same_v<Real, float>) {
      DDPM_CHECK(std::ssize(parity_.betas) == schedule.steps(), "sampling: wanted ",
                 schedule.steps(), " float32 betas, got ", parity_.betas.size());
      alpha_bar_ = float32_alpha_bar(parity_.betas);
      if (parity_.zero_snr_floor) alpha_bar_.back() = std::ldexp(1.0F, -24);
    } else {
      for (int64_t t = 1; t <= schedule.steps(); ++t) alpha_bar_.push_back(schedule.alpha_bar(t));
    }
  }

  // At 0 and below it is that of the end.
  Real alpha_bar(int64_t t) const {
    if (t <= 0) return ends_at_one_ ? alpha_bar_.front() : Real{1};
    DDPM_CHECK(t <= std::ssize(alpha_bar_), "sampling: a stride of ", parity_.stride,
               " leads to t = ", t, ", beyond T = ", alpha_bar_.size());
    return alpha_bar_[static_cast<size_t>(t - 1)];
  }

  NoiseLevel level(int64_t t) const {
    const Real a = alpha_bar(t);
    return {.signal = std::sqrt(a), .sigma = std::sqrt(1 - a)};
  }

  // sigma / signal; 0 at the clean image.
  Real u(int64_t t) const {
    for (const TimeSigma& own : parity_.sigmas) {
      if (own.t == t) return static_cast<Real>(own.sigma);
    }
    const Real a = alpha_bar(t);
    return std::sqrt((1 - a) / a);
  }

  // Where the step from times[i] goes; 0 and below is the end.
  int64_t next(std::span<const int64_t> times, size_t i) const {
    return parity_.stride > 0 ? times[i] - parity_.stride : times[i + 1];
  }

 private:
  const Parity& parity_;
  bool ends_at_one_;
  std::vector<Real> alpha_bar_;
};

}  // namespace ddpm
