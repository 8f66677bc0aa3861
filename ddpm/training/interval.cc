#include "ddpm/training/interval.h"

#include <limits>
#include <nlohmann/json.hpp>

#include "ddpm/base/check.h"

namespace ddpm {

namespace {

// NaN, which JSON cannot say, becomes null.
Json mean_or_null(double sum, int64_t count) {
  return count == 0 ? Json(nullptr) : Json(sum / static_cast<double>(count));
}

}  // namespace

void Interval::add(const StepReport& report, int64_t T) {
  ++steps_;
  if (!report.not_finite.empty()) return;
  ++updates_;
  loss_ += report.loss;
  gradient_norm_ += report.gradient_norm;
  DDPM_ASSERT(report.t.size() == report.image_losses.size());
  for (size_t i = 0; i < report.t.size(); ++i) {
    const auto bin = static_cast<size_t>((report.t[i] - 1) * kBins / T);
    bin_loss_[bin] += report.image_losses[i];
    ++bin_count_[bin];
  }
}

double Interval::mean_loss() const {
  return updates_ == 0 ? std::numeric_limits<double>::quiet_NaN()
                       : loss_ / static_cast<double>(updates_);
}

Json Interval::numbers() const {
  Json bins = Json::array();
  for (size_t b = 0; b < kBins; ++b) bins.push_back(mean_or_null(bin_loss_[b], bin_count_[b]));
  return {{"loss", mean_or_null(loss_, updates_)},
          {"loss_by_t", bins},
          {"gradient_norm", mean_or_null(gradient_norm_, updates_)},
          {"skipped_updates", steps_ - updates_}};
}

std::map<std::string, std::vector<double>> Interval::carried() const {
  std::vector<double> sums = {static_cast<double>(steps_), static_cast<double>(updates_), loss_,
                              gradient_norm_};
  std::vector<double> counts(bin_count_.begin(), bin_count_.end());
  return {{"interval", sums},
          {"interval_bin_loss", {bin_loss_.begin(), bin_loss_.end()}},
          {"interval_bin_count", counts}};
}

void Interval::restore(const std::map<std::string, std::vector<double>>& carried) {
  *this = Interval();
  const auto sums = carried.find("interval");
  const auto losses = carried.find("interval_bin_loss");
  const auto counts = carried.find("interval_bin_count");
  if (sums == carried.end() || losses == carried.end() || counts == carried.end()) return;
  if (sums->second.size() != 4 || losses->second.size() != kBins ||
      counts->second.size() != kBins) {
    throw FormatError("resume: the sums of the unfinished log line have another length");
  }
  steps_ = static_cast<int64_t>(sums->second[0]);
  updates_ = static_cast<int64_t>(sums->second[1]);
  loss_ = sums->second[2];
  gradient_norm_ = sums->second[3];
  for (size_t b = 0; b < kBins; ++b) {
    bin_loss_[b] = losses->second[b];
    bin_count_[b] = static_cast<int64_t>(counts->second[b]);
  }
}

}  // namespace ddpm
