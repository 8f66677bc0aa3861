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
#include "ddpm/base/new_file.h"
#include "ddpm/base/run_layout.h"
#include "ddpm/base/same_file.h"
#include "ddpm/base/temporary.h"
#include "ddpm/base/text.h"
#include "ddpm/terminal/output.h"
#include "ddpm/terminal/signals.h"

namespace ddpm {

namespace fs = std::filesystem;

namespace {

constexpr const char* kDash = "-";
constexpr const char* kStandardOutput = "standard output";

struct ContentRow {
  Content content;
  const char* name;
  std::vector<std::string> endings;
  bool is_text;
  bool can_be_streamed;
};

const ContentRow& row_of(Content content) {
  static const std::array<ContentRow, 6> rows = {{
      {Content::kPng, "a PNG picture", {".png"}, false, true},
      {Content::kCsv, "a table", {".csv", ".txt"}, true, true},
      {Content::kNpy, "an array", {".npy"}, false, true},
      {Content::kNpz, "arrays", {".npz"}, false, true},
      {Content::kOnnx, "an ONNX model", {".onnx"}, false, false},
      {Content::kOnnxData, "the weights of an ONNX model", {".data"}, false, false},
  }};
  return rows.at(static_cast<size_t>(content));
}

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

// A file; a folder for files; a folder that appears whole.
enum class OutputKind { kFile, kFolder, kNewFolder };

struct JobOutput {
  std::string flag;
  fs::path path;  // as it was given
  OutputKind kind;
  Content content;
  Target target;  // from check() on
};

namespace {

// The checks of one output alone.
class OutputCheck {
 public:
  OutputCheck(const std::string& command, const JobOutput& output)
      : who_(concat(command, ": ", output.flag, ": ", output.path.string())), output_(output) {}

  Target run() const {
    const bool file = output_.kind == OutputKind::kFile;
    if (output_.path == kDash) return dash();
    if (file) check_is_no_folder();
    check_way();
    Target target = file ? followed_file() : folder();
    if (target.is_stream) {
      check_stream(target);
    } else {
      check_can_be_written(target.path);
      if (file) check_ending();
    }
    return target;
  }

 private:
  template <typename... Parts>
  [[noreturn]] void fail(const Parts&... parts) const {
    throw InvalidArgument(concat(who_, ": ", parts...));
  }

  Target dash() const {
    if (output_.kind != OutputKind::kFile || !row_of(output_.content).can_be_streamed) {
      fail("expected the name of a ", output_.kind == OutputKind::kFile ? "file" : "folder",
           ", got what stands for standard output; ./- is a name");
    }
    Target target{.path = kStandardOutput, .is_stream = true, .descriptor = STDOUT_FILENO};
    check_stream(target);
    return target;
  }

  void check_is_no_folder() const {
    std::error_code error;
    if (fs::is_directory(output_.path, error) || !output_.path.has_filename()) {
      fail("expected the name of a file, got a folder");
    }
  }

  // The folders up to the first one that is missing.
  void check_way() const {
    std::error_code error;
    const fs::path path = fs::absolute(output_.path);
    for (fs::path at = path.parent_path(); at != at.parent_path(); at = at.parent_path()) {
      if (!fs::exists(fs::symlink_status(at, error))) continue;
      if (!fs::is_directory(at, error)) {
        fail("expected a folder for ", path.filename().string(), ", got ", kind_of_file(at), ", ",
             at.string());
      }
      return;
    }
  }

  Target followed_file() const {
    try {
      return target_of(output_.path);
    } catch (const IoError& error) {
      throw InvalidArgument(concat(command_and_flag(), ": ", error.what()));
    }
  }

  std::string command_and_flag() const {
    return who_.substr(0, who_.size() - output_.path.string().size() - 2);
  }

  Target folder() const {
    std::error_code error;
    fs::path path = absolute_text(output_.path);
    if (!path.has_filename()) path = path.parent_path();
    const bool is_new = output_.kind == OutputKind::kNewFolder;
    const char* expected = is_new ? "a folder that is new or empty" : "a folder or a new name";
    const bool there = fs::exists(fs::symlink_status(path, error));
    if (there && !fs::is_directory(path, error)) {
      fail("expected ", expected, ", got ", kind_of_file(path));
    }
    if (there && is_new && !fs::is_empty(path, error)) {
      fail("expected ", expected, ", got one with files in it");
    }
    return {.path = path};
  }

  void check_stream(const Target& target) const {
    const ContentRow& row = row_of(output_.content);
    if (!row.can_be_streamed) fail("expected a regular file, got a device or a descriptor");
    const int descriptor = target.descriptor;
    const bool terminal = descriptor >= 0 && ::isatty(descriptor) == 1;
    if (terminal && !row.is_text) fail("expected a file for ", row.name, ", got a terminal");
  }

  void check_ending() const {
    const ContentRow& row = row_of(output_.content);
    const std::string ending = lower_case(output_.path.extension().string());
    const auto& known = row.endings;
    if (ending.empty() || std::find(known.begin(), known.end(), ending) != known.end()) return;
    fail("expected a name that ends in ", join(known, " or "), ", since it gets ", row.name,
         ", got ", output_.path.extension().string());
  }

  // Asks for the names first that do not exist yet: their length is all that can be wrong.
  void check_can_be_written(const fs::path& target) const {
    fs::path folder = target;
    struct stat status {};
    while (::stat(folder.c_str(), &status) != 0) {
      if (errno != ENOENT && errno != ENOTDIR) fail("cannot be written: ", std::strerror(errno));
      check_length(folder);
      folder = folder.parent_path();
    }
    if (folder == target && ::access(target.c_str(), W_OK) != 0) {
      fail("cannot be written: ", std::strerror(errno));
    }
    if (folder == target && (status.st_mode & 0222U) == 0) {  // which root could write to
      fail("cannot be written: its mode is read-only for everyone");
    }
    if (folder == target && output_.kind != OutputKind::kFolder) folder = folder.parent_path();
    if (::access(folder.c_str(), W_OK | X_OK) != 0) {
      fail("cannot be written: its folder ", folder.string(), ": ", std::strerror(errno));
    }
  }

  void check_length(const fs::path& path) const {
    constexpr size_t kUsualMax = 255;
    const std::string name = path.filename().string();
    if (name.size() > kUsualMax) {
      fail("expected names of at most ", kUsualMax, " bytes, got ", name.size());
    }
  }

  std::string who_;
  const JobOutput& output_;
};

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
  if (!path.empty()) inputs_.push_back({flag, path, false});
}

void JobFiles::reads_data(const std::string& flag, const fs::path& path) {
  if (!path.empty()) inputs_.push_back({flag, path, true});
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
    outputs_[i].target = OutputCheck(command_, outputs_[i]).run();
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
  const auto checkpoints = checkpoints_around(target);
  DDPM_CHECK(!checkpoints, who, ": expected a place outside of ", checkpoints->string(),
             ", which holds the checkpoints of a run and nothing else, got one inside");
  for (const Input& input : inputs_) {
    const auto other = identity_of(input.path);
    if (!other) continue;
    DDPM_CHECK(identity != other, who, ": expected another file than that of ", input.flag,
               ", got the same one");
    std::error_code error;
    if (!fs::is_directory(input.path, error)) continue;
    const auto around =
        input.is_data ? folder_around(target, input.path, give_up_if_stopped) : std::nullopt;
    DDPM_CHECK(!around, who, ": expected a place outside of ", input.flag, " ", input.path.string(),
               ", whose files are all data, got one inside",
               around == input.path ? "" : concat(", by the link ", around->string()));
    if (!identity || output.kind != OutputKind::kFile) continue;
    const bool is_data = input.is_data;
    const auto found = find_in_folder(
        input.path, *identity,
        [is_data](const fs::path& name) { return is_data || !is_result_name(name); },
        give_up_if_stopped);
    DDPM_CHECK(!found, who, ": expected another file than those of ", input.flag, ", got ",
               found->string());
  }
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
