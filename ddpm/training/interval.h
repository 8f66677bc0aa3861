// What is gathered between two lines of the log.

#pragma once

#include <array>
#include <cstdint>
#include <map>
#include <string>
#include <vector>

#include "ddpm/base/json.h"
#include "ddpm/training/learner.h"

namespace ddpm {

// Sums over the steps since the last line. They go into a checkpoint, so that a line that began
// before an interruption ends with the same numbers after it.
class Interval {
 public:
  static constexpr int64_t kBins = 10;  // bin b holds t in (b T / 10, (b + 1) T / 10]

  // Skipped updates are counted, their losses left out.
  void add(const StepReport& report, int64_t T);

  bool empty() const { return steps_ == 0; }
  double mean_loss() const;  // NaN if every update was skipped

  // "loss", "loss_by_t", "gradient_norm" (means; null where there is no sample) and
  // "skipped_updates".
  Json numbers() const;

  std::map<std::string, std::vector<double>> carried() const;
  // Takes what carried() gave; a missing name leaves its sums at zero.
  void restore(const std::map<std::string, std::vector<double>>& carried);

 private:
  int64_t steps_ = 0;    // all
  int64_t updates_ = 0;  // of these not skipped
  double loss_ = 0.0;
  double gradient_norm_ = 0.0;
  std::array<double, kBins> bin_loss_{};
  std::array<int64_t, kBins> bin_count_{};
};

}  // namespace ddpm
