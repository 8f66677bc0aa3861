#include "ddpm/training/pace.h"

#include <algorithm>

namespace ddpm {

Pace::Numbers Pace::take(double waited) {
  constexpr double kClockTick = 1e-9;  // of a clock that did not move
  const double now = now_();
  const double seconds = std::max(now - began_ - paused_, kClockTick);
  const Numbers numbers = {static_cast<double>(steps_) / seconds,
                           std::clamp((waited - waited_) / seconds, 0.0, 1.0)};
  began_ = now;
  paused_ = 0.0;
  waited_ = waited;
  steps_ = 0;
  return numbers;
}

double Pace::seconds_of_the_machine() {
  const auto now = std::chrono::steady_clock::now().time_since_epoch();
  return std::chrono::duration<double>(now).count();
}

}  // namespace ddpm
