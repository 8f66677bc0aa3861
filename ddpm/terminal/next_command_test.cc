#include "ddpm/terminal/next_command.h"

#include <gtest/gtest.h>

namespace ddpm {
namespace {

TEST(NextCommand, LeavesOutWhatIsTheDefault) {
  NextCommand next("build/release/ddpm", "sample");
  next.flag("--out", "my images").flag_unless<int64_t>(64, "--count", 64);
  next.flag_unless<int64_t>(0, "--steps", 50).flag_unless(0.0, "--eta", 0.5);
  EXPECT_EQ(next.line(), "next: build/release/ddpm sample --out 'my images' --steps 50 --eta 0.5");
}

}  // namespace
}  // namespace ddpm
