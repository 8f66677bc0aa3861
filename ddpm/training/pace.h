// How fast training is, without what is done between its steps.

#pragma once

#include <chrono>
#include <cstdint>
#include <functional>

namespace ddpm {

// The steps since the last line of the log, their time, and how much of it was spent waiting for
// data. Previews, checkpoints and plots are done within a Pause and count for nothing.
class Pace {
 public:
  using Seconds = std::function<double()>;  // a clock that only rises

  explicit Pace(Seconds now = seconds_of_the_machine) : now_(std::move(now)), began_(now_()) {}

  class Pause {
   public:
    explicit Pause(Pace& pace) : pace_(pace), began_(pace.now_()) {}
    ~Pause() { pace_.paused_ += pace_.now_() - began_; }
    Pause(const Pause&) = delete;
    Pause& operator=(const Pause&) = delete;

   private:
    Pace& pace_;
    double began_;
  };

  void step() { ++steps_; }

  struct Numbers {
    double steps_per_second = 0.0;
    double waiting_share = 0.0;  // in [0, 1]
  };
  // Of the steps since the last call; `waited` are the seconds that were spent waiting in all. Not
  // within a Pause.
  Numbers take(double waited);

 private:
  static double seconds_of_the_machine();

  Seconds now_;
  double began_;
  double paused_ = 0.0;
  double waited_ = 0.0;  // at the last call
  int64_t steps_ = 0;
};

}  // namespace ddpm
