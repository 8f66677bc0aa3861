// One output of a command and the checks of it alone; job_files.h has those between files.

#pragma once

#include <filesystem>
#include <string>

#include "ddpm/base/file.h"
#include "ddpm/terminal/job_files.h"

namespace ddpm {

inline constexpr const char* kStandardOutput = "standard output";

// A file; a folder for files; a folder that appears whole.
enum class OutputKind { kFile, kFolder, kNewFolder };

struct JobOutput {
  std::string flag;
  std::filesystem::path path;  // as it was given
  OutputKind kind;
  Content content;
  Target target;  // from JobFiles::check() on
};

// Where the output goes. Throws InvalidArgument "command: flag: path: .." for what
// JobFiles::check() names of its kind, its ending, its length and where it lies.
Target checked_target(const std::string& command, const JobOutput& output);

}  // namespace ddpm
