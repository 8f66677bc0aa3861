// What the commands that draw a picture of a model share: flags, files and the last lines.

#pragma once

#include <cstdint>
#include <optional>
#include <string>

#include "ddpm/cli/data_flags.h"
#include "ddpm/cli/job_watch.h"
#include "ddpm/cli/model_flags.h"
#include "ddpm/cli/sampler_flags.h"
#include "ddpm/jobs/job_lock.h"
#include "ddpm/jobs/picture.h"
#include "ddpm/terminal/job_files.h"

namespace ddpm {

struct PictureFlags {
  ModelFlags model;
  SamplerFlags sampler;
  std::string out;
  std::string single;
  double max_bad_files = kMaxBadFiles;  // of the commands that read data
  int64_t seed = 0;
  int64_t batch_size = 16;
};

// --checkpoint and its companions and --out, then, behind what is the command's own, the rest.
void declare_picture_out(Flags& flags, PictureFlags& values, const std::string& what);
void declare_picture_rest(Flags& flags, PictureFlags& values,
                          const std::string& steps_help = kStepsHelp);

// Throws as sampler_request does.
PictureRequest picture_request(const std::string& command, const PictureFlags& flags);

// The files that all of these commands have. Throws InvalidArgument unless --checkpoint and --out
// are given. The command adds its own inputs, then calls check().
JobFiles picture_files(const std::string& command, const PictureFlags& flags);

// The beginning of such a command, for on_begin of a watch: prints the path of --out, and of a
// table if it has one, and what the job is, catches stop signals, and locks the folder of --single
// in `lock`, to be held until the picture is written. Throws as JobLock does.
void begin_picture(const std::string& command, const PictureFlags& flags, const JobFiles& files,
                   const std::string& about, std::optional<JobLock>& lock,
                   const std::string& table = "");

// Writes --out and, with --single, each cell as row-column.png in that folder.
void write_picture(const JobFiles& files, const PictureFlags& flags, const Picture& picture);

// Runs `job`, which takes a Watch and returns a result with a picture, between begin_picture and
// write_picture. `table` is the flag of another output, if it has one. Returns the result.
template <typename Job>
auto draw(const std::string& command, const PictureFlags& flags, const JobFiles& files,
          const Job& job, const std::string& table = "") {
  std::optional<JobLock> lock;  // until the picture is written
  const TerminalWatch watch(
      [&](const std::string& about) { begin_picture(command, flags, files, about, lock, table); });
  auto result = job(watch);
  write_picture(files, flags, result.picture);
  return result;
}

}  // namespace ddpm
