// What the programs ask the system's loader for.

#include <gtest/gtest.h>

#include <cstddef>
#include <sstream>
#include <string>

#include "program.h"

namespace ddpm {
namespace {

// The dynamic section of a program, as binutils show it.
std::string dynamic_section(const std::string& program) {
  return run_shell(DDPM_BUILD_DIR, "LC_ALL=C readelf -d " + program).out;
}

TEST(Libraries, DdpmNeedsNoLibTorchAndHasNoFoldersOfItsOwn) {
  const std::string shown = dynamic_section("ddpm");
  EXPECT_NE(shown.find("libc.so"), std::string::npos) << shown;
  for (const char* unwanted : {"torch", "libc10", "RPATH", "RUNPATH"}) {
    EXPECT_EQ(shown.find(unwanted), std::string::npos) << shown;
  }
}

// An entry that is empty or has no / in front is of the folder that a user happens to be in, whose
// libraries may be anybody's.
TEST(Libraries, DdpmTorchLooksBesideItselfAndInNoFolderOneHappensToBeIn) {
  const std::string shown = dynamic_section("ddpm-torch");
  const size_t begin = shown.find("path: ["), end = shown.find(']', begin);
  ASSERT_NE(begin, std::string::npos) << shown;
  std::istringstream entries(shown.substr(begin + 7, end - begin - 7) + ":");
  std::string entry;
  ASSERT_TRUE(std::getline(entries, entry, ':'));
  EXPECT_EQ(entry, "$ORIGIN/../lib");
  while (std::getline(entries, entry, ':')) EXPECT_EQ(entry.substr(0, 1), "/") << shown;
}

}  // namespace
}  // namespace ddpm
