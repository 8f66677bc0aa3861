#include "ddpm/base/same_file.h"

#include <gtest/gtest.h>
#include <unistd.h>

#include "ddpm/base/check.h"
#include "ddpm/base/file.h"

namespace ddpm {
namespace {

namespace fs = std::filesystem;

class SameFile : public testing::Test {
 protected:
  void SetUp() override {
    fs::create_directories(folder_ / "a" / "deep");
    write_file_whole(folder_ / "a/deep/file", "1");
    write_file_whole(folder_ / "other", "1");
  }
  void TearDown() override { fs::remove_all(folder_); }

  static bool every(const fs::path&) { return true; }

  const fs::path folder_ = fs::temp_directory_path() / concat("ddpm-same-file-", ::getpid());
};

TEST_F(SameFile, LinksOfBothKindsAreTheFileThatTheyLeadTo) {
  fs::create_symlink("a/deep/file", folder_ / "link");
  fs::create_hard_link(folder_ / "a/deep/file", folder_ / "twin");
  for (const char* name : {"link", "twin", "a/../a/deep/file"}) {
    EXPECT_EQ(identity_of(folder_ / name), identity_of(folder_ / "a/deep/file")) << name;
  }
  EXPECT_NE(identity_of(folder_ / "other"), identity_of(folder_ / "a/deep/file"));
  EXPECT_FALSE(identity_of(folder_ / "none"));
}

TEST_F(SameFile, AFileIsFoundInATreeUnderAnyNameThatCounts) {
  const auto file = *identity_of(folder_ / "a/deep/file");
  EXPECT_EQ(find_in_folder(folder_ / "a", file, every), folder_ / "a/deep/file");
  EXPECT_FALSE(find_in_folder(folder_ / "a", file, [](const fs::path&) { return false; }));
  EXPECT_FALSE(find_in_folder(folder_ / "a", *identity_of(folder_ / "other"), every));
  fs::create_symlink("../other", folder_ / "a/link");
  EXPECT_EQ(find_in_folder(folder_ / "a", *identity_of(folder_ / "other"), every),
            folder_ / "a/link");
  fs::create_directory_symlink("..", folder_ / "a/circle");
  EXPECT_FALSE(find_in_folder(folder_ / "none", file, every));
  EXPECT_TRUE(find_in_folder(folder_ / "a", file, every));
}

TEST_F(SameFile, ATreeHasWhatWillBeInItToo) {
  fs::create_directory_symlink("a/deep", folder_ / "link");
  for (const char* name : {"a", "a/new", "a/deep/file", "link/new/newer", "x/../a/new"}) {
    EXPECT_TRUE(lies_in_folder(folder_ / name, folder_ / "a")) << name;
  }
  for (const char* name : {"other", "ab", "a/../other", ""}) {
    EXPECT_FALSE(lies_in_folder(folder_ / name, folder_ / "a")) << name;
  }
}

}  // namespace
}  // namespace ddpm
