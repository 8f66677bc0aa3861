#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstring>
#include <system_error>
#include <vector>

#include "ddpm/base/check.h"
#include "ddpm/base/new_file.h"
#include "ddpm/base/run_layout.h"
#include "ddpm/base/text.h"
#include "ddpm/terminal/job_output_internal.h"
#include "ddpm/terminal/output.h"

namespace ddpm {

namespace fs = std::filesystem;

namespace {

constexpr const char* kDash = "-";

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
      check_outside_of_checkpoints(target.path);
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

  void check_outside_of_checkpoints(const fs::path& target) const {
    const auto checkpoints = checkpoints_around(target);
    if (!checkpoints) return;
    fail("expected a place outside of ", checkpoints->string(),
         ", which holds the checkpoints of a run and nothing else, got one inside");
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

Target checked_target(const std::string& command, const JobOutput& output) {
  return OutputCheck(command, output).run();
}

}  // namespace ddpm
