// Numbers that somebody else computed, and how far ours are from them.

#pragma once

#include <gtest/gtest.h>

#include <cstdio>
#include <cstdlib>

// As EXPECT_NEAR, for a `wanted` that another program computed or that was published. With
// DDPM_KNOWN_NUMBERS=FILE each one is also noted there, for tools/known_numbers.sh to make a table.
#define EXPECT_KNOWN(got, wanted, tolerance) \
  EXPECT_NEAR(::ddpm::noted(got, wanted), wanted, tolerance)

namespace ddpm {

// `got`, after a line "suite.test got wanted" was added to the file that the environment names.
inline double noted(double got, double wanted) {
  const char* path = std::getenv("DDPM_KNOWN_NUMBERS");
  const testing::TestInfo* test = testing::UnitTest::GetInstance()->current_test_info();
  if (path == nullptr || test == nullptr) return got;
  if (std::FILE* file = std::fopen(path, "a")) {
    std::fprintf(file, "%s.%s %.17g %.17g\n", test->test_suite_name(), test->name(), got, wanted);
    std::fclose(file);
  }
  return got;
}

}  // namespace ddpm
