// What the programs ask the system's loader for.

#include <gtest/gtest.h>

#include <cstddef>
#include <string>

#include "program.h"

namespace ddpm {
namespace {

// The dynamic section of a program, as binutils show it.
std::string dynamic_section(const std::string& program) {
  return run_shell(DDPM_BUILD_DIR, "readelf -d " + program).out;
}

TEST(Libraries, DdpmNeedsNoLibTorchAndHasNoFoldersOfItsOwn) {
  const std::string shown = dynamic_section("ddpm");
  EXPECT_NE(shown.find("libc.so"), std::string::npos) << shown;
  for (const char* unwanted : {"torch", "libc10", "RPATH", "RUNPATH"}) {
    EXPECT_EQ(shown.find(unwanted), std::string::npos) << shown;
  }
}

// An empty entry is the folder that a user happens to be in, whose libraries may be anybody's.
TEST(Libraries, NoProgramLooksInTheFolderOneIsIn) {
  const std::string shown = dynamic_section("ddpm-torch");
  const size_t begin = shown.find("runpath: [");
  ASSERT_NE(begin, std::string::npos) << shown;
  const std::string line = shown.substr(begin, shown.find('\n', begin) - begin);
  for (const char* empty : {"[:", "::", ":]", "[]"}) {
    EXPECT_EQ(line.find(empty), std::string::npos) << line;
  }
}

}  // namespace
}  // namespace ddpm
