// For tests: the kept hostile files of a format, tests/hostile/formats/FORMAT.

#pragma once

#include <gtest/gtest.h>

#include <filesystem>
#include <functional>
#include <string>

#include "ddpm/base/check.h"
#include "ddpm/base/file.h"

namespace ddpm {

// Expects that `read` refuses every file of the folder with a FormatError of one line that starts
// with "file: ", and reads those whose names start with "whole". The scripts
// tests/hostile/formats/make_*.py show which rule each file breaks.
inline void expect_hostile_files_refused(
    const std::string& format, const std::function<void(const std::string& bytes)>& read) {
  namespace fs = std::filesystem;
  int whole = 0;
  int hostile = 0;
  for (const auto& file :
       fs::directory_iterator(fs::path(DDPM_SOURCE_DIR) / "tests/hostile/formats" / format)) {
    SCOPED_TRACE(file.path().string());
    const std::string bytes = read_file(file.path(), 1 << 20);
    const bool is_whole = file.path().filename().string().starts_with("whole");
    ++(is_whole ? whole : hostile);
    try {
      read(bytes);
      EXPECT_TRUE(is_whole) << "was read";
    } catch (const FormatError& error) {
      EXPECT_FALSE(is_whole) << error.what();
      EXPECT_TRUE(std::string(error.what()).starts_with("file: ")) << error.what();
      EXPECT_EQ(std::string(error.what()).find('\n'), std::string::npos) << error.what();
    }
  }
  EXPECT_GE(whole, 1) << format;
  EXPECT_GE(hostile, 3) << format;
}

}  // namespace ddpm
