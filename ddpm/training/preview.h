// Pictures of what a run can do so far, and whether their colours drift from the data's.

#pragma once

#include <filesystem>
#include <functional>
#include <optional>
#include <string>
#include <vector>

#include "ddpm/base/file.h"
#include "ddpm/data/dataset.h"
#include "ddpm/training/learner.h"

namespace ddpm {

// The mean of each channel over a preview's samples beside that over the data, in [-1, 1].
struct ChannelDrift {
  std::string weights;  // "ema" or "raw"
  std::vector<double> mean;
  std::vector<double> data_mean;
  std::string not_finite;  // where sampling met a number that is not finite; then there is no mean
  // A channel's means differ by more than kDriftOfNote, and by more than four standard errors of
  // the mean over so few samples.
  bool warning = false;
};

inline constexpr double kDriftOfNote = 0.15;  // 19 gray levels of 255

struct PreviewReport {
  std::vector<std::filesystem::path> pictures;
  std::vector<ChannelDrift> drifts;  // one for each set of weights
};

// <folder>/<step>.png, with the step in eight digits.
std::filesystem::path picture_of_step(const std::filesystem::path& folder, int64_t step);

// Asked after each step of the chain: so many of the preview's images are made, with their parts.
// The preview is given up if it returns false.
using PreviewWatch = std::function<bool(double images, int64_t of)>;

// Samples config.sample_count images from noise of the run's seed, the same noise each time, and
// writes <folder>/<step>.png (averaged weights); while the average is young also <step>-raw.png.
// Nothing if `watch` gave it up; a picture that was finished before stays. Weights whose samples
// become infinite or not a number have no picture, and are no error: training may recover.
std::optional<PreviewReport> write_preview(const Learner& learner, const Dataset& dataset,
                                           const std::filesystem::path& folder,
                                           const PreviewWatch& watch,
                                           FileLayer& files = real_files());

// One line for a person.
std::string drift_warning(const ChannelDrift& drift);

}  // namespace ddpm
