// The files of one command: what it reads and what it writes, in one table that is checked before
// any work is done.

#pragma once

#include <filesystem>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "ddpm/base/file.h"

namespace ddpm {

// What is written to a file. Its name has to end as its content does, or to have no ending.
enum class Content { kPng, kCsv, kNpy, kNpz, kOnnx, kOnnxData };

// What is known about the place of an output; see job_output_internal.h.
struct JobOutput;

class JobFiles {
 public:
  explicit JobFiles(std::string command);
  ~JobFiles();  // standard output is standard output again
  JobFiles(JobFiles&&) noexcept;
  JobFiles& operator=(JobFiles&&) = delete;

  // A file or folder that the command reads, such as a checkpoint. It need not exist: whoever opens
  // it reports that. An empty path is none.
  void reads(const std::string& flag, const std::filesystem::path& path);
  // The same for data, where whatever appears in a folder becomes a part of them.
  void reads_data(const std::string& flag, const std::filesystem::path& path);

  // Data that the command does not read, such as those of a run that it samples from: no output may
  // lie in their folder. Links in it are not followed, since it may be large and far away.
  void keeps_out_of(const std::string& name, const std::filesystem::path& folder);

  // A file that is written whole, replacing one that is there. "-" is standard output. An empty
  // path is none.
  void writes(const std::string& flag, const std::filesystem::path& path, Content content);
  // A folder into which files are written, new or with others in it.
  void writes_into(const std::string& flag, const std::filesystem::path& path);
  // A folder that is new or empty and appears whole.
  void makes_folder(const std::string& flag, const std::filesystem::path& path);

  // Throws InvalidArgument "command: flag: path: expected .., got .." unless every output can be
  // written and none destroys an input or another output:
  //   - its kind: a file for a file, a folder for a folder; no FIFO, socket or block device; a
  //     character device or an open descriptor only for the contents that can be streamed
  //   - the ending of its name
  //   - its folder, or the nearest one that exists, can be written to, as can the file itself, also
  //     by others than root; no part of its path is too long
  //   - it is no file that an input names or contains, be it by a link, and lies in no data
  //   - it lies in no folder RUN/checkpoints: training removes and replaces what is in it
  // Removes the temporaries that killed processes left where outputs will be, see
  // base/temporary.h.
  // From here to the destructor, if an output is standard output, what the command prints goes to
  // standard error instead.
  void check();

  // For what the command prints: the absolute path of an output, or "standard output".
  std::string shown(const std::string& flag) const;

  // Writes an output of writes(), making missing folders on the way; a file that it replaces is
  // reported in a line. Throws IoError.
  void write(const std::string& flag, std::string_view bytes) const;
  std::unique_ptr<FileWriter> writer(const std::string& flag) const;

 private:
  struct Input {
    enum class Kind { kPlain, kData, kOtherData };
    std::string flag;
    std::filesystem::path path;
    Kind kind;
  };

  const JobOutput& output(const std::string& flag) const;
  void add(const std::string& flag, const std::filesystem::path& path, JobOutput output);
  void check_against_inputs(const JobOutput& output) const;
  void check_outside(const JobOutput& output, const Input& input, const std::string& who) const;
  void check_against_outputs(size_t index) const;
  void check_in_folder(const JobOutput& file, const JobOutput& folder) const;
  void check_against_prints(const JobOutput& output) const;
  void redirect_prints();

  std::string command_;
  std::vector<Input> inputs_;
  std::vector<JobOutput> outputs_;
  int standard_output_ = -1;  // a copy of it, while descriptor 1 is standard error
};

}  // namespace ddpm
