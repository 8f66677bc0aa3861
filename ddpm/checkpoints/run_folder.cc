#include "ddpm/checkpoints/run_folder.h"

#include <fcntl.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <iterator>
#include <nlohmann/json.hpp>
#include <string>
#include <vector>

#include "ddpm/base/check.h"
#include "ddpm/base/json.h"
#include "ddpm/base/same_file.h"
#include "ddpm/base/text.h"

namespace ddpm {

namespace fs = std::filesystem;

namespace {

constexpr int64_t kMaxConfigBytes = 1 << 20;

constexpr size_t kMaxLockBytes = 40;

// What a lock file holds: a process id and the name of the program; of an earlier version the id
// alone.
std::string content_of(int file) {
  char text[kMaxLockBytes + 1];
  const ssize_t size = ::pread(file, text, sizeof(text), 0);
  return {text, size > 0 ? static_cast<size_t>(size) : 0};
}

size_t digits_at_start(const std::string& text) {
  return std::min(text.find_first_not_of("0123456789"), text.size());
}

std::string signature(const std::string& process) { return process + " ddpm\n"; }

bool is_signed(const std::string& content) {
  return content == signature(content.substr(0, digits_at_start(content)));
}

bool is_lock(const std::string& content) {
  return content.empty() || is_signed(content) ||
         content == content.substr(0, digits_at_start(content)) + "\n";
}

std::string holder_of(int file) {
  const std::string content = content_of(file);
  const size_t end = digits_at_start(content);
  return end == 0 ? "unknown" : content.substr(0, end);
}

bool all_of_digits(const std::string& text, const char* digits) {
  return !text.empty() && text.find_first_not_of(digits) == std::string::npos;
}

// The names of what a run has in its folders: config.json, loss.png, 00000030, 00000030-raw.png.
bool is_name_of_a_run(const std::string& name) {
  if (name == "config.json" || name == "loss.png") return true;
  const std::string rest = name.substr(digits_at_start(name));
  return digits_at_start(name) >= 8 && (rest.empty() || rest == ".png" || rest == "-raw.png");
}

bool is_signed_lock(const fs::path& path) {
  const int file = ::open(path.c_str(), O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC);
  if (file < 0) return false;
  const bool found = is_signed(content_of(file));
  ::close(file);
  return found;
}

// Adds a line to `kept` for each that cannot be removed: it is in nobody's way.
void remove_leftovers(const fs::path& folder, FileLayer& files, std::vector<std::string>& kept) {
  std::vector<fs::path> leftovers;
  for (const auto& entry : fs::directory_iterator(folder)) {
    if (is_temporary_of_a_run(entry.path().filename().string())) leftovers.push_back(entry.path());
  }
  for (const fs::path& path : leftovers) {
    try {
      files.remove_all(path);
    } catch (const IoError& error) {
      kept.emplace_back(error.what());
    }
  }
}

// A file without a name that is given up: permissions, read-only mounts and attributes refuse it as
// they would the first checkpoint, many steps later.
void check_can_be_written(const fs::path& folder, FileLayer& files) {
  try {
    files.create(folder / "file");
  } catch (const IoError& error) {
    const std::string text = error.what();
    throw IoError(concat("cannot write into ", folder.string(), text.substr(text.rfind(": "))));
  }
}

// Whether `path`, or a folder on the way to it, is `folder`.
bool lies_in(const fs::path& path, const fs::path& folder) {
  std::error_code error;
  for (fs::path at = fs::weakly_canonical(path, error); !at.empty(); at = at.parent_path()) {
    if (fs::equivalent(at, folder, error)) return true;
    if (at == at.parent_path()) break;
  }
  return false;
}

}  // namespace

bool is_temporary_of_a_run(const std::string& name) {
  const std::string start = ".tmp-";
  const std::string removed = start + "removed-";
  if (!name.starts_with(start)) return false;
  if (name.starts_with(removed)) return all_of_digits(name.substr(removed.size()), "0123456789");
  const std::string rest = name.substr(start.size());
  if (rest.size() == 16 && all_of_digits(rest, "0123456789abcdef")) return true;
  const size_t process = digits_at_start(rest);
  return process > 0 && process < rest.size() && rest[process] == '-' &&
         is_name_of_a_run(rest.substr(process + 1));
}

// Another process may remove its lock file between our opening and locking it: then again.
RunLock::RunLock(const fs::path& run) : path_(run / "lock") {
  while (!open_file()) {
  }
  try {
    check_content();
  } catch (const Error&) {
    ::close(file_);
    throw;
  }
}

bool RunLock::open_file() {
  constexpr int kFlags = O_RDWR | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC;
  file_ = ::open(path_.c_str(), kFlags | O_CREAT | O_EXCL, 0666);
  made_ = file_ >= 0;
  if (!made_ && errno == EEXIST) file_ = ::open(path_.c_str(), kFlags);
  if (file_ < 0 && errno == ENOENT && fs::is_directory(path_.parent_path())) return false;
  if (file_ < 0) {
    throw IoError(concat("cannot open the lock ", path_.string(), ": ",
                         errno == ELOOP ? "it is a symbolic link" : std::strerror(errno)));
  }
  if (::flock(file_, LOCK_EX | LOCK_NB) != 0) {
    const int error = errno;
    const std::string holder = holder_of(file_);
    ::close(file_);
    throw IoError(
        error == EWOULDBLOCK
            ? concat(path_.parent_path().string(), ": process ", holder, " is at work in this run")
            : concat("cannot lock ", path_.string(), ": ", std::strerror(error)));
  }
  if (is_named(file_, path_)) return true;
  ::close(file_);
  return false;
}

void RunLock::check_content() const {
  struct stat status {};
  const bool regular = ::fstat(file_, &status) == 0 && S_ISREG(status.st_mode);
  if (regular && is_lock(content_of(file_))) return;
  throw IoError(concat(path_.string(),
                       ": expected the lock of a run, a file with a process id, got ",
                       regular ? "other content" : "no regular file"));
}

RunLock::~RunLock() {
  std::error_code error;
  const fs::directory_iterator entries(path_.parent_path(), error);
  const bool alone = !error && std::distance(begin(entries), end(entries)) == 1;
  if (made_ && (alone || !signed_) && is_named(file_, path_)) ::unlink(path_.c_str());
  ::close(file_);
}

// Only for the message to others, so a failure to write it is no reason to stop.
void RunLock::sign() {
  signed_ = true;
  const std::string text = signature(std::to_string(::getpid()));
  if (::ftruncate(file_, 0) == 0) {
    [[maybe_unused]] const ssize_t written = ::pwrite(file_, text.data(), text.size(), 0);
  }
}

void check_run_is_new(const fs::path& run, const RunLock* held) {
  const std::string who = concat("train: --out: ", run.string());
  const fs::file_status status = fs::symlink_status(run);
  if (!fs::exists(status)) return;
  DDPM_CHECK(fs::is_directory(run), who, ": expected a new or empty folder, got ",
             fs::is_symlink(status) ? "a link to something else" : "a file");
  DDPM_CHECK(!fs::exists(run / "config.json"), who,
             ": expected a new or empty folder, got one that holds a run already; go on with it by "
             "ddpm train --resume ",
             shell_word(run.string()));
  const bool made_lock = held != nullptr && held->made();
  bool has_lock = false;
  std::string other;
  for (const auto& entry : fs::directory_iterator(run)) {
    const std::string name = entry.path().filename().string();
    const bool lock = name == "lock" && (made_lock || is_signed_lock(entry.path()));
    has_lock = has_lock || (lock && !made_lock);
    if (!lock && (other.empty() || !is_temporary_of_a_run(name))) other = name;
  }
  DDPM_CHECK(other.empty() || (has_lock && is_temporary_of_a_run(other)), who,
             ": expected a new or empty folder, got one with ", shell_word(other),
             " in it; nothing was changed");
}

void check_apart_from_data(const std::string& who, const fs::path& run, const std::string& data) {
  constexpr std::string_view kTest = ":test";
  std::error_code error;
  fs::path folder = data;
  if (!fs::exists(folder, error) && data.ends_with(kTest)) {
    folder = data.substr(0, data.size() - kTest.size());
  }
  if (!fs::is_directory(folder, error)) return;
  DDPM_CHECK(!lies_in(run, folder), who, run.string(), ": expected a folder outside of the data, ",
             folder.string(), ", got one in it, where previews would become training data");
  DDPM_CHECK(!lies_in(folder, run), who, run.string(), ": expected a folder without data, got ",
             folder.string(), " in it, where previews would become training data");
}

std::vector<std::string> prepare_run_folder(const fs::path& run, FileLayer& files) {
  std::vector<std::string> kept;
  for (const fs::path& folder : {run, run / "checkpoints", run / "samples"}) {
    files.make_folder(folder);
    check_can_be_written(folder, files);
    remove_leftovers(folder, files, kept);
  }
  files.sync(run);                                                  // the two names in it ...
  files.sync(fs::absolute(run / ".").parent_path().parent_path());  // ... and its own
  return kept;
}

void write_run_config(const fs::path& run, const TrainConfig& config, FileLayer& files) {
  write_file_whole(run / "config.json", json_text(train_config_to_json(config)), files);
}

TrainConfig read_run_config(const fs::path& run) {
  const fs::path path = run / "config.json";
  DDPM_CHECK(fs::is_regular_file(path), run.string(), ": not a run: it has no config.json");
  const Json json = parse_json(read_file(path, kMaxConfigBytes), path.string());
  try {
    TrainConfig config = train_config_from_json(json, path.string());
    check_train_config(config, path.string());
    return config;
  } catch (const InvalidArgument& error) {
    throw FormatError(error.what());  // the file's mistake, not the caller's
  }
}

bool has_run_config(const fs::path& folder) {
  const fs::path path = folder / "config.json";
  try {
    const Json json = parse_json(read_file(path, kMaxConfigBytes), path.string());
    return json.is_object() && json.contains("data") && json.contains("save_every");
  } catch (const Error&) {
    return false;
  }
}

}  // namespace ddpm
