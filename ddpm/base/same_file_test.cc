#include "ddpm/base/same_file.h"

#include <gtest/gtest.h>

#include "ddpm/base/check.h"
#include "ddpm/testing/temporary_folder.h"

namespace ddpm {
namespace {

namespace fs = std::filesystem;

class SameFile : public testing::Test {
 protected:
  void SetUp() override {
    folder_.write("a/deep/file", "1");
    folder_.write("other", "1");
  }

  static bool every(const fs::path&) { return true; }

  const TemporaryFolder folder_;
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
    EXPECT_EQ(folder_around(folder_ / name, folder_ / "a"), folder_ / "a") << name;
  }
  for (const char* name : {"other", "ab", "a/../other", ""}) {
    EXPECT_FALSE(folder_around(folder_ / name, folder_ / "a")) << name;
  }
}

TEST_F(SameFile, ATreeHasWhatItsLinksLeadTo) {
  fs::create_directories(folder_ / "far/away/deep");
  fs::create_directory_symlink("../../far/away", folder_ / "a/deep/link");
  fs::create_directory_symlink("..", folder_ / "a/deep/circle");
  fs::create_symlink("nowhere", folder_ / "a/dangling");
  for (const char* name : {"far/away", "far/away/new", "far/away/deep/new/newer"}) {
    EXPECT_EQ(folder_around(folder_ / name, folder_ / "a"), folder_ / "a/deep/link") << name;
  }
  for (const char* name : {"far", "far/new", "other"}) {
    EXPECT_FALSE(folder_around(folder_ / name, folder_ / "a")) << name;
  }
}

TEST_F(SameFile, WalksHearAStop) {
  struct Enough {};
  for (int i = 0; i < 3000; ++i) folder_.write("a/" + concat(i), "");
  for (const int allowed : {0, 1, 2}) {
    int calls = 0;
    const auto give_up = [&calls, allowed] {
      if (++calls > allowed) throw Enough();
    };
    const auto other = *identity_of(folder_ / "other");
    EXPECT_THROW(find_in_folder(folder_ / "a", other, every, give_up), Enough);
    calls = 0;
    EXPECT_THROW(folder_around(folder_ / "other", folder_ / "a", give_up), Enough);
  }
}

}  // namespace
}  // namespace ddpm
