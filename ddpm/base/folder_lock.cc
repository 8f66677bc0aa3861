#include "ddpm/base/folder_lock.h"

#include <fcntl.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <string>
#include <utility>

#include "ddpm/base/check.h"
#include "ddpm/base/same_file.h"
#include "ddpm/base/unfinished.h"

namespace ddpm {

namespace fs = std::filesystem;

namespace {

constexpr size_t kMaxHolderBytes = 24;

// What the file holds, up to a byte more than any process id has.
std::string content_of(int descriptor) {
  char text[kMaxHolderBytes] = {};
  const ssize_t size = ::pread(descriptor, text, sizeof(text), 0);
  return {text, size > 0 ? static_cast<size_t>(size) : 0};
}

bool is_holder(const std::string& content) {
  return content.empty() ||
         (content.size() < kMaxHolderBytes && content.size() > 1 &&
          content.find_first_not_of("0123456789") == content.size() - 1 && content.back() == '\n');
}

bool has_no_locks(int error) {
  return error == ENOLCK || error == ENOSYS || error == ENOTSUP || error == EINVAL;
}

}  // namespace

FolderLock::FolderLock(fs::path file, Afterwards afterwards)
    : file_(std::move(file)), afterwards_(afterwards) {
  const Unfinished taking;  // a stop waits until it would remove the file
  // another process may remove the file between our opening and locking it
  do {
    close();
    open();
  } while (take() && !is_named(descriptor_, file_));
  if (!held_) return;
  if (afterwards_ == Afterwards::kRemove) removed_by_stop_.emplace(fs::absolute(file_));
  // Only for the message to others, so a failure to write it is no reason to stop.
  const std::string holder = std::to_string(::getpid()) + "\n";
  if (::ftruncate(descriptor_, 0) == 0) {
    [[maybe_unused]] const ssize_t written = ::pwrite(descriptor_, holder.data(), holder.size(), 0);
  }
}

FolderLock::~FolderLock() {
  removed_by_stop_.reset();
  if (held_ && afterwards_ == Afterwards::kRemove && is_named(descriptor_, file_)) {
    ::unlink(file_.c_str());
  }
  close();
}

void FolderLock::open() {
  constexpr int kFlags = O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK | O_NOCTTY;
  descriptor_ = ::open(file_.c_str(), kFlags, 0666);
  if (descriptor_ < 0) {
    const char* reason = errno == ELOOP    ? "expected a lock or nothing, got a link"
                         : errno == EISDIR ? "expected a lock or nothing, got a folder"
                                           : std::strerror(errno);
    throw IoError(concat("cannot open the lock ", file_.string(), ": ", reason));
  }
  try {
    check_is_lock();
  } catch (const IoError&) {
    close();
    throw;
  }
}

void FolderLock::check_is_lock() const {
  struct stat status {};
  const bool is_file = ::fstat(descriptor_, &status) == 0 && S_ISREG(status.st_mode);
  if (is_file && is_holder(content_of(descriptor_))) return;
  throw IoError(concat("cannot use the lock ", file_.string(),
                       ": expected a process id in it, got ",
                       is_file ? "something else" : "no regular file",
                       "; it is not of this program, so it is left as it is"));
}

// False on a file system without locks.
bool FolderLock::take() {
  int result = 0;
  do {
    result = ::flock(descriptor_, LOCK_EX | LOCK_NB);
  } while (result != 0 && errno == EINTR);
  held_ = result == 0;
  if (held_ || has_no_locks(errno)) return held_;
  const int error = errno;
  const std::string content = content_of(descriptor_);
  const std::string holder = content.empty() ? "?" : content.substr(0, content.size() - 1);
  close();
  const fs::path folder = fs::absolute(file_).parent_path();
  throw IoError(error == EWOULDBLOCK
                    ? concat(folder.string(), ": process ", holder,
                             " is writing into this folder; wait until it ends, or use another one")
                    : concat("cannot lock ", file_.string(), ": ", std::strerror(error)));
}

void FolderLock::close() {
  if (descriptor_ >= 0) ::close(descriptor_);
  descriptor_ = -1;
  held_ = false;
}

}  // namespace ddpm
