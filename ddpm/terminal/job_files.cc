#include "ddpm/terminal/job_files.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstdio>
#include <cstring>
#include <iostream>
#include <system_error>
#include <utility>

#include "ddpm/base/check.h"
#include "ddpm/base/same_file.h"
#include "ddpm/base/temporary.h"
#include "ddpm/base/text.h"
#include "ddpm/terminal/job_output_internal.h"
#include "ddpm/terminal/output.h"
#include "ddpm/terminal/signals.h"

namespace ddpm {

namespace fs = std::filesystem;

namespace {

// What no command reads of a checkpoint, so that pictures of a run may be replaced in its folder.
bool is_result_name(const fs::path& path) {
  const std::string ending = lower_case(path.extension().string());
  constexpr std::array<std::string_view, 5> kEndings = {".png", ".csv", ".npy", ".npz", ".onnx"};
  return std::find(kEndings.begin(), kEndings.end(), ending) != kEndings.end();
}

// "000012.png" and "00-13.png", as images in a folder are called.
bool is_name_of_an_image(const std::string& name) {
  constexpr std::string_view kEnding = ".png";
  if (!name.ends_with(kEnding)) return false;
  const std::string stem = name.substr(0, name.size() - kEnding.size());
  return stem.size() >= 5 && stem.find_first_not_of("0123456789-") == std::string::npos;
}

}  // namespace

JobFiles::JobFiles(std::string command) : command_(std::move(command)) {}

JobFiles::JobFiles(JobFiles&& other) noexcept
    : command_(std::move(other.command_)),
      inputs_(std::move(other.inputs_)),
      outputs_(std::move(other.outputs_)),
      standard_output_(std::exchange(other.standard_output_, -1)) {}

JobFiles::~JobFiles() {
  if (standard_output_ < 0) return;
  std::cout.flush();
  std::fflush(stdout);
  ::dup2(standard_output_, STDOUT_FILENO);
  ::close(standard_output_);
}

void JobFiles::reads(const std::string& flag, const fs::path& path) {
  if (!path.empty()) inputs_.push_back({flag, path, Input::Kind::kPlain});
}

void JobFiles::reads_data(const std::string& flag, const fs::path& path) {
  if (!path.empty()) inputs_.push_back({flag, path, Input::Kind::kData});
}

void JobFiles::keeps_out_of(const std::string& name, const fs::path& folder) {
  if (!folder.empty()) inputs_.push_back({name, folder, Input::Kind::kOtherData});
}

void JobFiles::writes(const std::string& flag, const fs::path& path, Content content) {
  add(flag, path, {flag, path, OutputKind::kFile, content, {}});
}

void JobFiles::writes_into(const std::string& flag, const fs::path& path) {
  add(flag, path, {flag, path, OutputKind::kFolder, Content::kPng, {}});
}

void JobFiles::makes_folder(const std::string& flag, const fs::path& path) {
  add(flag, path, {flag, path, OutputKind::kNewFolder, Content::kPng, {}});
}

void JobFiles::add(const std::string&, const fs::path& path, JobOutput output) {
  if (!path.empty()) outputs_.push_back(std::move(output));
}

void JobFiles::check() {
  for (size_t i = 0; i < outputs_.size(); ++i) {
    outputs_[i].target = checked_target(command_, outputs_[i]);
    check_against_inputs(outputs_[i]);
    check_against_outputs(i);
    check_against_prints(outputs_[i]);
  }
  for (const JobOutput& output : outputs_) {
    if (output.target.is_stream) continue;
    const fs::path& path = output.target.path;
    remove_abandoned(output.kind == OutputKind::kFolder ? path : path.parent_path());
  }
  redirect_prints();
}

void JobFiles::check_against_inputs(const JobOutput& output) const {
  if (output.target.is_stream) return;
  const fs::path& target = output.target.path;
  const auto identity = identity_of(target);
  const std::string who = concat(command_, ": ", output.flag, ": ", output.path.string());
  for (const Input& input : inputs_) {
    const auto other = identity_of(input.path);
    if (!other) continue;
    DDPM_CHECK(identity != other, who, ": expected another file than that of ", input.flag,
               ", got the same one");
    std::error_code error;
    if (!fs::is_directory(input.path, error)) continue;
    check_outside(output, input, who);
    if (!identity || output.kind != OutputKind::kFile || input.kind == Input::Kind::kOtherData) {
      continue;
    }
    const bool is_data = input.kind == Input::Kind::kData;
    const auto found = find_in_folder(
        input.path, *identity,
        [is_data](const fs::path& name) { return is_data || !is_result_name(name); },
        give_up_if_stopped);
    DDPM_CHECK(!found, who, ": expected another file than those of ", input.flag, ", got ",
               found->string());
  }
}

void JobFiles::check_outside(const JobOutput& output, const Input& input,
                             const std::string& who) const {
  if (input.kind == Input::Kind::kPlain) return;
  const bool follow = input.kind == Input::Kind::kData;
  const fs::path& target = output.target.path;
  const auto around = follow ? folder_around(target, input.path, give_up_if_stopped)
                      : lies_in_folder(target, input.path) ? std::optional(input.path)
                                                           : std::nullopt;
  DDPM_CHECK(!around, who, ": expected a place outside of ", input.flag, " ", input.path.string(),
             ", whose files are all data, got one inside",
             around == input.path ? "" : concat(", by the link ", around->string()));
}

void JobFiles::check_against_outputs(size_t index) const {
  const JobOutput& output = outputs_[index];
  const auto identity = identity_of(output.target.path);
  for (size_t i = 0; i < index; ++i) {
    const JobOutput& other = outputs_[i];
    const bool both_streams = output.target.is_stream && other.target.is_stream;
    const bool same = both_streams ? output.target.descriptor >= 0 &&
                                         output.target.descriptor == other.target.descriptor
                                   : output.target.path == other.target.path ||
                                         (identity && identity == identity_of(other.target.path));
    DDPM_CHECK(!same, command_, ": ", output.flag, ": ", output.path.string(),
               ": expected another file than that of ", other.flag, ", got the same one");
    check_in_folder(output, other);
    check_in_folder(other, output);
  }
}

// Not one of the files that the command itself names in a folder.
void JobFiles::check_in_folder(const JobOutput& file, const JobOutput& folder) const {
  if (file.kind != OutputKind::kFile || file.target.is_stream) return;
  if (folder.kind != OutputKind::kFolder) return;
  std::error_code error;
  const fs::path place = fs::weakly_canonical(file.target.path.parent_path(), error);
  if (place != fs::weakly_canonical(folder.target.path, error)) return;
  const std::string name = file.target.path.filename().string();
  DDPM_CHECK(!is_name_of_an_image(name) && name != "grid.png" && !name.starts_with(".ddpm"),
             command_, ": ", file.flag, ": ", file.path.string(),
             ": expected another name than those of the files that ", folder.flag, " ",
             folder.path.string(), " gets, got ", name);
}

// Not what standard output or standard error is redirected to: it would be replaced under them.
void JobFiles::check_against_prints(const JobOutput& output) const {
  if (output.target.is_stream || output.kind != OutputKind::kFile) return;
  const auto identity = identity_of(output.target.path);
  for (const int descriptor : {STDOUT_FILENO, STDERR_FILENO}) {
    struct stat status {};
    if (!identity || ::fstat(descriptor, &status) != 0) continue;
    DDPM_CHECK((*identity != FileIdentity{status.st_dev, status.st_ino}), command_, ": ",
               output.flag, ": ", output.path.string(), ": expected another file than that of ",
               "standard output or standard error, got the same one");
  }
}

// Else a table would have the command's own lines in it.
void JobFiles::redirect_prints() {
  for (JobOutput& output : outputs_) {
    if (output.target.descriptor != STDOUT_FILENO) continue;
    std::cout.flush();
    std::fflush(stdout);
    standard_output_ = ::fcntl(STDOUT_FILENO, F_DUPFD_CLOEXEC, STDERR_FILENO + 1);
    if (standard_output_ < 0 || ::dup2(STDERR_FILENO, STDOUT_FILENO) < 0) {
      throw IoError(concat(command_, ": ", output.flag,
                           ": cannot write to standard output: ", std::strerror(errno)));
    }
    output.target.descriptor = standard_output_;
    output.target.path = kStandardOutput;
  }
}

const JobOutput& JobFiles::output(const std::string& flag) const {
  const auto found = std::find_if(outputs_.begin(), outputs_.end(),
                                  [&flag](const JobOutput& one) { return one.flag == flag; });
  DDPM_ASSERT(found != outputs_.end());
  return *found;
}

std::string JobFiles::shown(const std::string& flag) const {
  const JobOutput& found = output(flag);
  if (found.kind != OutputKind::kFile) return found.target.path.string();
  return found.target.path == kStandardOutput ? kStandardOutput : absolute_text(found.path);
}

void JobFiles::write(const std::string& flag, std::string_view bytes) const {
  const auto file = writer(flag);
  file->append(bytes);
  file->commit();
}

std::unique_ptr<FileWriter> JobFiles::writer(const std::string& flag) const {
  const Target& target = output(flag).target;
  if (!target.is_stream) real_files().make_folder(target.path.parent_path());
  std::error_code error;
  if (!target.is_stream && fs::exists(target.path, error)) {
    std::cout << "replacing " << target.path.string() << std::endl;
  }
  return std::make_unique<FileWriter>(target);
}

}  // namespace ddpm
