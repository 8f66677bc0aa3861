#include "ddpm/base/run_layout.h"

#include <gtest/gtest.h>

#include "ddpm/testing/temporary_folder.h"

namespace ddpm {
namespace {

namespace fs = std::filesystem;

class RunLayout : public testing::Test {
 protected:
  void SetUp() override {
    fs::create_directories(folder_ / "run" / "checkpoints" / "00000010");
    fs::create_directories(folder_ / "album" / "checkpoints");
    for (const char* name : {"run/config.json", "album/config.json"}) {
      folder_.write(name, "{}");
    }
  }

  std::string around(const fs::path& path) const {
    const auto found = checkpoints_around(folder_ / path);
    return found ? found->lexically_relative(fs::canonical(folder_)).string() : "";
  }

  const TemporaryFolder folder_;
};

TEST_F(RunLayout, APlaceInCheckpointsIsFoundByNameAndThroughLinks) {
  fs::create_directory_symlink(folder_ / "run" / "checkpoints", folder_ / "link");
  for (const char* path :
       {"run/checkpoints", "run/checkpoints/", "run/checkpoints/new", "run/checkpoints/a/b.png",
        "run/checkpoints/00000010", "run/samples/../checkpoints/x", "link", "link/x/y"}) {
    EXPECT_EQ(around(path), "run/checkpoints") << path;
  }
  for (const char* path : {"run", "run/samples", "run/checkpoints2/x", "album/checkpoints/x",
                           "run/new/checkpoints/x", "new"}) {
    EXPECT_EQ(around(path), "") << path;
  }
}

TEST_F(RunLayout, CheckpointsThatLieOnAnotherDiskAreFoundByTheirNameInTheRun) {
  fs::create_directory(folder_ / "disk");
  fs::rename(folder_ / "run" / "checkpoints", folder_ / "disk" / "kept");
  fs::create_directory_symlink(folder_ / "disk" / "kept", folder_ / "run" / "checkpoints");
  EXPECT_EQ(around("run/checkpoints/x"), "run/checkpoints");
}

TEST_F(RunLayout, AFolderIsARunByItsLogOrACheckpoint) {
  EXPECT_TRUE(is_run_folder(folder_ / "run"));
  EXPECT_FALSE(is_run_folder(folder_ / "album"));
  folder_.write("album/metrics.jsonl", "");
  EXPECT_TRUE(is_run_folder(folder_ / "album"));
}

}  // namespace
}  // namespace ddpm
