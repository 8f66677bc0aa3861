#include "ddpm/diffusion/loss_history.h"

#include <algorithm>
#include <cmath>
#include <numeric>
#include <utility>

#include "ddpm/base/check.h"

namespace ddpm {

LossHistory::LossHistory(int64_t T, int64_t kept, double uniform_share)
    : T_(T), kept_(kept), uniform_share_(uniform_share) {
  DDPM_CHECK(T >= 1 && kept >= 1 && uniform_share >= 0.0 && uniform_share <= 1.0,
             "loss history: wanted T and kept of at least 1 and a share in [0, 1], got ", T, ", ",
             kept, " and ", uniform_share);
  losses_.resize(static_cast<size_t>(T));
  roots_.resize(static_cast<size_t>(T));
}

void LossHistory::add(int64_t t, double loss) {
  DDPM_CHECK(t >= 1 && t <= T_, "loss history: t must be in [1, ", T_, "], got ", t);
  DDPM_CHECK(std::isfinite(loss), "loss history: a loss must be finite, got ", loss);
  std::vector<double>& losses = losses_[static_cast<size_t>(t - 1)];
  const bool was_full = std::ssize(losses) == kept_;
  if (was_full) losses.erase(losses.begin());
  losses.push_back(loss);
  if (std::ssize(losses) < kept_) return;
  if (!was_full) ++full_times_;
  double squares = 0.0;
  for (const double one : losses) squares += one * one;
  roots_[static_cast<size_t>(t - 1)] = std::sqrt(squares / static_cast<double>(kept_));
}

std::vector<double> LossHistory::probabilities() const {
  const double uniform = 1.0 / static_cast<double>(T_);
  const double sum = std::accumulate(roots_.begin(), roots_.end(), 0.0);
  std::vector<double> probabilities(roots_.size(), uniform);
  if (!is_full() || sum == 0.0) return probabilities;
  for (size_t i = 0; i < roots_.size(); ++i) {
    probabilities[i] = (1.0 - uniform_share_) * roots_[i] / sum + uniform_share_ * uniform;
  }
  return probabilities;
}

std::vector<double> LossHistory::losses() const {
  std::vector<double> all;
  for (const auto& losses : losses_) all.insert(all.end(), losses.begin(), losses.end());
  return all;
}

std::vector<double> LossHistory::counts() const {
  std::vector<double> counts;
  for (const auto& losses : losses_) counts.push_back(static_cast<double>(losses.size()));
  return counts;
}

void LossHistory::restore(const std::vector<double>& losses, const std::vector<double>& counts) {
  const auto fits = [&](double count) {
    return count >= 0.0 && count <= static_cast<double>(kept_) && count == std::floor(count);
  };
  const double sum = std::accumulate(counts.begin(), counts.end(), 0.0);
  if (std::ssize(counts) != T_ || !std::all_of(counts.begin(), counts.end(), fits) ||
      sum != static_cast<double>(losses.size())) {
    throw FormatError(concat("loss history: wanted up to ", kept_, " losses for each of ", T_,
                             " times, got other counts"));
  }
  LossHistory restored(T_, kept_, uniform_share_);
  size_t next = 0;
  for (int64_t t = 1; t <= T_; ++t) {
    const auto count = static_cast<int64_t>(counts[static_cast<size_t>(t - 1)]);
    for (int64_t k = 0; k < count; ++k) restored.add(t, losses[next++]);
  }
  *this = std::move(restored);
}

int64_t time_at(std::span<const double> probabilities, double fraction) {
  DDPM_CHECK(fraction >= 0.0 && fraction < 1.0, "loss history: wanted a fraction in [0, 1), got ",
             fraction);
  double passed = 0.0;
  for (size_t i = 0; i < probabilities.size(); ++i) {
    passed += probabilities[i];
    if (fraction < passed) return static_cast<int64_t>(i) + 1;
  }
  return std::ssize(probabilities);  // where the sum, by rounding, ends just below 1
}

}  // namespace ddpm
