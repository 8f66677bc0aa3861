// For tests: runs that are cut at an operation on the disk, and then resumed.

#pragma once

#include <gtest/gtest.h>

#include <cstdint>
#include <filesystem>
#include <string>
#include <utility>

#include "ddpm/base/check.h"
#include "ddpm/testing/faulty_files.h"
#include "ddpm/testing/toy_run.h"

namespace ddpm {

class CutRunTraining : public RunTraining {
 protected:
  using RunTraining::RunTraining;

  // Cuts a run at the operations first, first + stride, .. and compares its end, weights and log,
  // with those of a run that was not cut.
  void expect_same_end_wherever_cut(int64_t first, int64_t stride) const {
    const TrainConfig config = four_steps();
    FaultyFiles counting(folder_ / "attic");
    run("whole", config, false, {}, counting);
    const auto expected = weights("whole");
    const std::string log = log_of("whole");
    ASSERT_EQ(expected.size(), 3U);

    const int64_t operations = counting.operations();
    EXPECT_GT(operations, 40);
    int64_t number = 0;
    for (int64_t cut = first; cut < operations; cut += stride) {
      // every kind of loss, torn and not
      const bool torn = number++ % 2 == 1;
      const auto loss = static_cast<FaultyFiles::Loss>(cut % 3);
      SCOPED_TRACE(concat("cut at operation ", cut));
      FaultyFiles files(folder_ / "attic", cut, torn);
      EXPECT_THROW(run("cut", config, false, {}, files), FaultyFiles::Cut);
      files.lose(loss);
      // what the error lines ask for: resume, or start if there is no run yet
      run("cut", config, std::filesystem::exists(folder_ / "cut" / "config.json"));
      EXPECT_EQ(weights("cut"), expected);
      EXPECT_EQ(log_of("cut"), log);
      std::filesystem::remove_all(folder_ / "cut");
      std::filesystem::remove_all(folder_ / "attic");
    }
  }
};

}  // namespace ddpm
