// What jobs need: a run, images, a network that is a formula, and a watch that keeps what it gets.

#pragma once

#include <gtest/gtest.h>

#include <cstdint>
#include <filesystem>
#include <functional>
#include <limits>
#include <map>
#include <memory>
#include <span>
#include <string>
#include <vector>

#include "ddpm/base/file.h"
#include "ddpm/formats/png.h"
#include "ddpm/jobs/model.h"
#include "ddpm/jobs/torch_hooks.h"
#include "ddpm/jobs/watch.h"
#include "ddpm/random/stream.h"
#include "ddpm/testing/temporary_folder.h"
#include "ddpm/testing/toy_checkpoint.h"

namespace ddpm {

inline constexpr int64_t kToySteps = 20;  // T of the run
inline constexpr int64_t kToyImages = 3;  // in the folder of images

// A run of a 4x4 network with one channel, a folder of such images, and another folder for results.
class ToyJob {
 public:
  ToyJob() {
    ToyCheckpoint toy(10);
    toy.state.config.T = kToySteps;
    CheckpointStore(run.path, hasty_files()).save(toy.state, toy.arrays(), {.last = 0});
    for (int64_t i = 0; i < kToyImages; ++i) {
      Image image{4, 4, 1, 8, {}};
      for (int64_t k = 0; k < 16; ++k) {
        image.samples.push_back(static_cast<uint16_t>((37 * i + 11 * k) % 256));
      }
      folder.write("images/" + std::to_string(i) + ".png", encode_png(image));
    }
  }

  // The run, with the network of hooks().
  ModelRequest model() const {
    return {.checkpoint = run.path.string(), .device = "cpu", .backend = NetworkBackend::kLibTorch};
  }
  std::string images() const { return (folder / "images").string(); }
  std::filesystem::path out() const { return folder / "out"; }

  // Predicts x / 2 for every x, and draws numbers of Philox as if they were PyTorch's.
  static TorchHooks hooks() {
    TorchHooks hooks;
    hooks.libtorch_version = "2.6.0";
    hooks.has_gpu = [] { return false; };
    hooks.open_network = [](const std::filesystem::path&, const BackendOptions&) {
      return network_of([](ConstBatchView x, std::span<const Timestep>, ConstBatchView cotangent,
                           BatchView output, BatchView product) {
        for (size_t i = 0; i < x.values().size(); ++i) {
          output.values()[i] = 0.5F * x.values()[i];
          if (!product.values().empty()) product.values()[i] = 0.5F * cotangent.values()[i];
        }
      });
    };
    hooks.torch_normal = [](uint64_t seed) -> NormalDraws {
      return [seed, step = uint64_t{0}](std::span<float> values) mutable {
        fill_normal({seed, Purpose::kTest, 0, step++}, values);
      };
    };
    return hooks;
  }

  ToyRun run;
  TemporaryFolder folder;
};

// Keeps every report, and answers yes to the (patience + 1)-th question whether to stop. The
// number of questions while data are read depends on time, so each report of reading resets the
// count.
class RecordingWatch {
 public:
  explicit RecordingWatch(int64_t patience = std::numeric_limits<int64_t>::max()) {
    watch_.on_begin = [this](const std::string& text) {
      EXPECT_TRUE(progress.empty() || progress.back().phase == JobPhase::kReading);
      about.push_back(text);
    };
    watch_.on_progress = [this](const JobProgress& now) {
      progress.push_back(now);
      if (now.phase == JobPhase::kReading) questions = 0;
    };
    watch_.on_note = [this](const std::string& lines) { notes += lines; };
    watch_.on_warning = [this](const std::string& line) { warnings.push_back(line); };
    watch_.stop = [this, patience] { return questions++ >= patience; };
  }
  RecordingWatch(const RecordingWatch&) = delete;
  RecordingWatch& operator=(const RecordingWatch&) = delete;
  operator const Watch&() const { return watch_; }  // NOLINT: what the jobs take

  // One description, and progress of `phase` that never falls and ends with all of `total`.
  void expect_whole(JobPhase phase, int64_t total) const {
    EXPECT_EQ(about.size(), 1U);
    double done = 0.0;
    int64_t reports = 0;
    for (const JobProgress& now : progress) {
      if (now.phase != phase) continue;
      EXPECT_EQ(now.total, total);
      EXPECT_GE(now.done, done);
      EXPECT_LE(now.done, static_cast<double>(total) + 1e-9);
      done = now.done;
      ++reports;
    }
    EXPECT_GT(reports, 1);
    EXPECT_EQ(done, static_cast<double>(total));
  }

  std::vector<std::string> about;
  std::vector<JobProgress> progress;
  std::string notes;
  std::vector<std::string> warnings;
  int64_t questions = 0;  // whether to stop, since data were read

 private:
  Watch watch_;
};

// What `job` prints on standard output and standard error.
inline std::string printed_by(const std::function<void()>& job) {
  testing::internal::CaptureStdout();
  testing::internal::CaptureStderr();
  job();
  return testing::internal::GetCapturedStdout() + testing::internal::GetCapturedStderr();
}

// Every file below the folder, by its name there.
inline std::map<std::string, std::string> files_below(const std::filesystem::path& folder) {
  std::map<std::string, std::string> files;
  if (!std::filesystem::exists(folder)) return files;
  for (const auto& entry : std::filesystem::recursive_directory_iterator(folder)) {
    if (!entry.is_regular_file()) continue;
    files[entry.path().lexically_relative(folder).string()] =
        read_file(entry.path(), int64_t{1} << 30);
  }
  return files;
}

}  // namespace ddpm
