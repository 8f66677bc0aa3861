#include "ddpm/terminal/output.h"

#include <gtest/gtest.h>
#include <unistd.h>

#include "ddpm/base/check.h"
#include "ddpm/base/file.h"

namespace ddpm {
namespace {

namespace fs = std::filesystem;

class Output : public testing::Test {
 protected:
  void SetUp() override { fs::create_directories(folder_); }
  void TearDown() override { fs::remove_all(folder_); }
  const fs::path folder_ = fs::temp_directory_path() / concat("ddpm-output-", ::getpid());
};

TEST_F(Output, MakesTheFoldersOnTheWay) {
  const fs::path path = folder_ / "a" / "b" / "picture.png";
  check_output_file("forward", "--out", path);
  EXPECT_FALSE(fs::exists(folder_ / "a"));  // asking writes nothing
  write_output_file(path, "bytes");
  EXPECT_EQ(read_file(path, 100), "bytes");
}

TEST_F(Output, AFolderOrAFileOnTheWayIsRefused) {
  write_file_whole(folder_ / "file", "");
  EXPECT_THROW(check_output_file("forward", "--out", folder_), InvalidArgument);
  EXPECT_THROW(check_output_file("forward", "--out", folder_ / "new" / ""), InvalidArgument);
  EXPECT_THROW(check_output_file("forward", "--out", folder_ / "file" / "x.png"), InvalidArgument);
  EXPECT_THROW(check_output_file("forward", "--out", folder_ / "file" / "y" / "x.png"),
               InvalidArgument);
  EXPECT_NO_THROW(check_output_file("forward", "--out", folder_ / "file"));  // is replaced
}

TEST_F(Output, IsWrittenAbsolutely) {
  EXPECT_EQ(absolute_text("/a/./b/../c"), "/a/c");
  EXPECT_EQ(absolute_text("x"), (fs::current_path() / "x").string());
}

}  // namespace
}  // namespace ddpm
