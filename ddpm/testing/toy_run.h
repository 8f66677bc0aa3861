// For tests: runs of four steps on images of noise, by a toy learner if no other is given, in a
// folder that is removed at the end.

#pragma once

#include <gtest/gtest.h>

#include <cstdint>
#include <filesystem>
#include <map>
#include <string>
#include <utility>
#include <vector>

#include "ddpm/base/check.h"
#include "ddpm/base/file.h"
#include "ddpm/base/sha256.h"
#include "ddpm/checkpoints/checkpoint.h"
#include "ddpm/checkpoints/store.h"
#include "ddpm/config/presets.h"
#include "ddpm/data/dataset.h"
#include "ddpm/random/stream.h"
#include "ddpm/runlog/run_log.h"
#include "ddpm/testing/temporary_folder.h"
#include "ddpm/testing/toy_learner.h"
#include "ddpm/training/run.h"

namespace ddpm {

inline std::vector<Image> noise_images(int64_t count, uint64_t seed) {
  std::vector<Image> images;
  for (int64_t i = 0; i < count; ++i) {
    Image image{8, 8, 1, 8, {}};
    for (uint64_t k = 0; k < 64; ++k) {
      image.samples.push_back(
          static_cast<uint16_t>(below({seed, Purpose::kTest, static_cast<uint64_t>(i), k}, 256)));
    }
    images.push_back(std::move(image));
  }
  return images;
}

// Four steps, a checkpoint after two and at the end, a picture at the end.
inline TrainConfig four_steps() {
  TrainConfig config = preset("tiny");
  config.data = "made in memory";
  config.steps = 4;
  config.batch_size = 2;
  config.save_every = 2;
  config.sample_every = 4;
  config.sample_count = 1;
  config.sample_steps = 1;
  config.log_every = 3;
  config.keep_last = 1;
  return config;
}

class RunTraining : public testing::Test {
 protected:
  explicit RunTraining(LearnerFactory make_learner = toy_learners())
      : make_learner_(std::move(make_learner)) {}

  RunEnd run(const std::string& name, const TrainConfig& config, bool resume = false,
             const RunObserver& observer = {}, FileLayer& files = real_files()) const {
    return train({folder_ / name, config, resume, false}, observer, files);
  }
  RunEnd train(const RunRequest& request, const RunObserver& observer = {},
               FileLayer& files = real_files()) const {
    return run_training(request, dataset_, make_learner_, observer, files);
  }

  std::map<std::string, std::string> weights(const std::string& name,
                                             const std::string& step = "00000004") const {
    std::map<std::string, std::string> sums;
    const std::filesystem::path last = folder_ / name / "checkpoints" / step;
    for (const auto& entry : std::filesystem::recursive_directory_iterator(last)) {
      if (entry.path().extension() != ".safetensors") continue;
      sums[entry.path().filename().string()] = sha256_of_file(entry.path());
    }
    return sums;
  }

  std::string log_of(const std::string& name) const {
    return comparable(read_run_log(folder_ / name / "metrics.jsonl"));
  }

  // The step of the newest checkpoint that verifies; -1 if there is none.
  int64_t newest_step(const std::string& name) const {
    const auto newest = CheckpointStore(folder_ / name).newest_valid().path;
    return newest ? read_training_state(*newest).step : -1;
  }

  const LearnerFactory make_learner_;
  const TemporaryFolder folder_;
  const Dataset dataset_ = make_dataset(noise_images(6, 1));
};

// Every file below a folder, by its path.
inline std::map<std::string, std::string> contents(const std::filesystem::path& folder) {
  std::map<std::string, std::string> files;
  for (const auto& entry : std::filesystem::recursive_directory_iterator(folder)) {
    const std::string name = entry.path().lexically_relative(folder).string();
    files[name] = entry.is_regular_file() ? read_file(entry.path(), 1 << 24) : "";
  }
  return files;
}

}  // namespace ddpm
