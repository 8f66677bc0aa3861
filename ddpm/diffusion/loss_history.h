// Which times are worth training on: t drawn by how large its losses have been.
//
// [iDDPM] eq. 18. A time is drawn with a probability in proportion to the root of the
// mean square of its last losses, mixed with a little of the uniform one; each loss then counts
// 1 / (T p_t), so that the mean over draws is still that over all times.

#pragma once

#include <cstdint>
#include <span>
#include <vector>

namespace ddpm {

class LossHistory {
 public:
  static constexpr int64_t kKept = 10;            // losses a time, the last ones
  static constexpr double kUniformShare = 0.001;  // of the probability of every time

  // Throws InvalidArgument unless T is at least 1. `kept` is at least 1, `uniform_share` in [0, 1].
  explicit LossHistory(int64_t T, int64_t kept = kKept, double uniform_share = kUniformShare);

  // The loss of a sample at t, not weighted. Throws InvalidArgument unless t is in [1, T] and the
  // loss is finite.
  void add(int64_t t, double loss);

  // Whether every time has as many losses as are kept; until then all are equally likely.
  bool is_full() const { return full_times_ == T_; }

  // Of each time; entry t - 1 is that of t. They sum to 1.
  std::vector<double> probabilities() const;

  // The losses that are kept, by time, the oldest first; and how many each time has.
  std::vector<double> losses() const;
  std::vector<double> counts() const;
  // Takes what these gave. Throws FormatError if they do not fit T, `kept` and each other.
  void restore(const std::vector<double>& losses, const std::vector<double>& counts);

 private:
  int64_t T_;
  int64_t kept_;
  double uniform_share_;
  int64_t full_times_ = 0;                   // that have as many as are kept
  std::vector<std::vector<double>> losses_;  // [T], each the oldest first
  std::vector<double> roots_;                // [T], of the mean square of those that are full
};

// The time t in [1, T] at which the sum of the probabilities of 1 .. t passes `fraction`, in [0,
// 1).
int64_t time_at(std::span<const double> probabilities, double fraction);

}  // namespace ddpm
