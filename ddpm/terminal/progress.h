// Progress as a person reads it: a bar on a terminal, a line now and then elsewhere.

#pragma once

#include <chrono>
#include <cstdint>
#include <string>

namespace ddpm {

// Writes to standard output. On a terminal one line that is rewritten at most ten times a second;
// elsewhere a plain line at most every ten seconds.
class Progress {
 public:
  // `unit` is what is counted: "steps", "images". `start` of `total` are done before we begin.
  Progress(std::string label, std::string unit, int64_t total, int64_t start = 0);
  ~Progress();
  Progress(const Progress&) = delete;
  Progress& operator=(const Progress&) = delete;

  // `done` may lie between two whole numbers; `note` follows the numbers, e.g. "loss 0.031".
  void update(double done, const std::string& note = "");

  // A line of its own among the progress; the bar is drawn again below it.
  void print(const std::string& line);

  // Takes the bar away, for work whose end is told in other words.
  void erase();

 private:
  using Clock = std::chrono::steady_clock;

  std::string text(const std::string& note) const;
  void clear();

  std::string label_;
  std::string unit_;
  int64_t total_;
  int64_t start_;
  double done_;
  std::string note_;
  bool terminal_;
  bool drawn_ = false;
  Clock::time_point began_ = Clock::now();
  Clock::time_point shown_ = began_;
};

}  // namespace ddpm
