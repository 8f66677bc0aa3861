#include "ddpm/checkpoints/run_folder.h"

#include <fcntl.h>
#include <sys/file.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <nlohmann/json.hpp>
#include <string>
#include <vector>

#include "ddpm/base/check.h"
#include "ddpm/base/json.h"

namespace ddpm {

namespace fs = std::filesystem;

namespace {

constexpr int64_t kMaxConfigBytes = 1 << 20;

// The process id that a lock file holds, or "unknown".
std::string holder_of(int file) {
  char text[24] = {};
  const ssize_t size = ::pread(file, text, sizeof(text) - 1, 0);
  const std::string holder(text, size > 0 ? static_cast<size_t>(size) : 0);
  const size_t end = holder.find_first_not_of("0123456789");
  return end == 0 || holder.empty() ? "unknown" : holder.substr(0, end);
}

void remove_leftovers(const fs::path& folder, FileLayer& files) {
  std::vector<fs::path> leftovers;
  for (const auto& entry : fs::directory_iterator(folder)) {
    if (entry.path().filename().string().rfind(".tmp-", 0) == 0) leftovers.push_back(entry.path());
  }
  for (const fs::path& path : leftovers) files.remove_all(path);
}

}  // namespace

RunLock::RunLock(const fs::path& run) {
  const fs::path path = run / "lock";
  file_ = ::open(path.c_str(), O_RDWR | O_CREAT | O_CLOEXEC, 0666);
  if (file_ < 0) {
    throw IoError(concat("cannot open the lock ", path.string(), ": ", std::strerror(errno)));
  }
  if (::flock(file_, LOCK_EX | LOCK_NB) != 0) {
    const int error = errno;
    const std::string holder = holder_of(file_);
    ::close(file_);
    throw IoError(error == EWOULDBLOCK
                      ? concat(run.string(), ": process ", holder, " is at work in this run")
                      : concat("cannot lock ", path.string(), ": ", std::strerror(error)));
  }
  // Only for the message above, so a failure to write it is no reason to stop.
  const std::string holder = std::to_string(::getpid()) + "\n";
  if (::ftruncate(file_, 0) == 0) {
    [[maybe_unused]] const ssize_t written = ::pwrite(file_, holder.data(), holder.size(), 0);
  }
}

RunLock::~RunLock() { ::close(file_); }

void prepare_run_folder(const fs::path& run, FileLayer& files) {
  const bool fresh = !fs::exists(run);
  for (const fs::path& folder : {run, run / "checkpoints", run / "samples"}) {
    files.make_folder(folder);
    remove_leftovers(folder, files);
  }
  files.sync(run);  // the two names in it ...
  if (fresh) files.sync(fs::absolute(run / ".").parent_path().parent_path());  // ... and its own
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

}  // namespace ddpm
