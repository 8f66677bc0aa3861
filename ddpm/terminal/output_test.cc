#include "ddpm/terminal/output.h"

#include <gtest/gtest.h>

namespace ddpm {
namespace {

TEST(AbsoluteText, HasNoDots) {
  EXPECT_EQ(absolute_text("/a/./b/../c"), "/a/c");
  EXPECT_EQ(absolute_text("x"), (std::filesystem::current_path() / "x").string());
}

}  // namespace
}  // namespace ddpm
