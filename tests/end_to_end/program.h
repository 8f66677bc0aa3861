// Starting the program from a test, and pictures to feed it with.

#pragma once

#include <gtest/gtest.h>

#include <cstdint>
#include <filesystem>
#include <functional>
#include <map>
#include <set>
#include <string>
#include <vector>

#include "ddpm/formats/image.h"
#include "ddpm/testing/temporary_folder.h"

namespace ddpm {

struct Outcome {
  int exit_code = 0;  // 128 + n after signal n
  std::string out;    // standard output
  std::string err;    // standard error
};

// Runs build/ddpm with these arguments in `folder` and waits for its end.
Outcome run_ddpm(const std::filesystem::path& folder, const std::vector<std::string>& arguments);

// The same for a line of a shell.
Outcome run_shell(const std::filesystem::path& folder, const std::string& line);

// build/ddpm and these arguments; a training that names no --threads gets one.
std::vector<std::string> ddpm_with(const std::vector<std::string>& arguments);

// Starts the program words[0], sends `signal` as soon as `moment` is true, and waits for the end.
Outcome run_until(const std::filesystem::path& folder, const std::vector<std::string>& words,
                  const std::function<bool()>& moment, int signal);

// Whether the program that runs in `folder` has written `text` to its standard output.
bool has_written(const std::filesystem::path& folder, const std::string& text);

// As run_ddpm, but sends `signal` as soon as `file` exists (and then waits for the end).
Outcome run_ddpm_until(const std::filesystem::path& folder,
                       const std::vector<std::string>& arguments, const std::filesystem::path& file,
                       int signal);

std::vector<std::string> lines_of(const std::string& text);

// SHA-256 of each *.safetensors below `folder`, by its path relative to it.
std::map<std::string, std::string> weights_below(const std::filesystem::path& folder);

// A picture of soft blobs that `seed` gives; 8 or 16 bits.
Image blob_image(int64_t height, int64_t width, int64_t channels, int bits, uint64_t seed);

// `count` PNG files of blobs in `folder`, 000.png, 001.png, ..
void write_blobs(const std::filesystem::path& folder, int64_t count, int64_t height, int64_t width,
                 int64_t channels);

// A fixture with a folder of its own that is removed at the end, and a small set of 8x8 gray images
// "data" in it.
class EndToEnd : public testing::Test {
 protected:
  void SetUp() override;

  Outcome ddpm(const std::vector<std::string>& arguments) const {
    return run_ddpm(folder_, arguments);
  }
  // `ddpm train --preset tiny --data data --out RUN` and `more`; must succeed. The first run of a
  // test with this `more` may be a copy of one that another test has trained.
  void train_tiny(const std::string& run, const std::vector<std::string>& more = {});

  const TemporaryFolder folder_{TemporaryFolder::Place::kDisk};

 private:
  std::set<std::vector<std::string>> trained_;  // what this test has asked for
};

}  // namespace ddpm
