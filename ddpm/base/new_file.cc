#include "ddpm/base/new_file.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <optional>
#include <string>
#include <system_error>
#include <utility>

#include "ddpm/base/check.h"
#include "ddpm/base/same_file.h"
#include "ddpm/base/temporary.h"
#include "ddpm/base/unfinished.h"

namespace ddpm {

namespace fs = std::filesystem;

namespace {

constexpr int kMaxLinks = 40;  // as Linux itself follows
constexpr int kTries = 100;    // random names that may be taken
constexpr mode_t kNewFileMode = 0666;
constexpr mode_t kPermissions = 0777;
constexpr int kCreate = O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC;

// "/proc/self/fd/3", by which an open file is named without a name of its own.
fs::path name_of(int descriptor) { return "/proc/self/fd/" + std::to_string(descriptor); }

// The descriptor of this process that `path` stands for, such as 3 for /dev/fd/3.
std::optional<int> own_descriptor(const fs::path& path) {
  std::error_code error;
  const fs::path folder = fs::canonical(path.parent_path(), error);
  if (error || folder != concat("/proc/", ::getpid(), "/fd")) return std::nullopt;
  const std::string name = path.filename().string();
  constexpr size_t kMaxDigits = 6;
  const bool digits = !name.empty() && name.size() <= kMaxDigits &&
                      name.find_first_not_of("0123456789") == std::string::npos;
  return digits ? std::optional(std::stoi(name)) : std::nullopt;
}

// `path` with its folder as the system spells it: without links, and without ".." behind a folder
// that would only be made to be left again.
fs::path with_canonical_folder(const fs::path& path) {
  std::error_code error;
  const fs::path folder = fs::weakly_canonical(path.parent_path(), error);
  return error ? path : folder / path.filename();
}

// Permissions and owner of the file that is replaced, given to the new one; a system that refuses
// the owner keeps ours.
void keep_owner_and_mode(int descriptor, const struct stat& old) {
  struct stat now {};
  if (::fstat(descriptor, &now) != 0) return;
  if (now.st_uid != old.st_uid || now.st_gid != old.st_gid) {
    if (::fchown(descriptor, old.st_uid, old.st_gid) != 0) {
      [[maybe_unused]] const int group = ::fchown(descriptor, static_cast<uid_t>(-1), old.st_gid);
    }
  }
  ::fchmod(descriptor, old.st_mode & kPermissions);
}

class RealNewFile : public NewFile {
 public:
  explicit RealNewFile(const fs::path& target) : target_(target) {
    const fs::path folder = target.parent_path();
    file_ = Descriptor(::open(folder.c_str(), O_TMPFILE | O_WRONLY | O_CLOEXEC, kNewFileMode));
    if (file_.get() >= 0 && ::access(name_of(file_.get()).c_str(), F_OK) != 0) file_ = Descriptor();
    if (file_.get() < 0) {  // no such files here, or no /proc to name one
      create_named();
    } else {
      mark_as_in_use(file_);  // from before it has a name
    }
    struct stat old {};
    if (::lstat(target.c_str(), &old) == 0 && S_ISREG(old.st_mode)) {
      keep_owner_and_mode(file_.get(), old);
    }
  }
  ~RealNewFile() override { remove_name(); }

  void append(std::span<const std::byte> bytes) override { write_all(file_.get(), target_, bytes); }
  void sync() override {
    if (::fsync(file_.get()) != 0) throw_io("sync", target_, errno);
  }
  void publish() override {
    if (name_.empty() && !link_to(target_)) {  // something is there: it is replaced
      unfinished_.emplace();
      for (int i = 0; name_.empty(); ++i) {
        const fs::path name = target_.parent_path() / temporary_name();
        if (link_to(name)) name_ = name;
        if (i == kTries) throw_io("create", target_, EEXIST);
      }
    }
    if (!name_.empty() && ::rename(name_.c_str(), target_.c_str()) != 0) {
      throw_io("write", target_, errno);
    }
    name_.clear();
    unfinished_.reset();
  }

 private:
  void create_named() {
    unfinished_.emplace();
    for (int i = 0; i < kTries; ++i) {
      const fs::path name = target_.parent_path() / temporary_name();
      file_ = Descriptor(::open(name.c_str(), kCreate, kNewFileMode));
      if (file_.get() < 0 && errno != EEXIST) break;
      if (file_.get() < 0) continue;
      mark_as_in_use(file_);
      // removed by another process before it was marked
      if (!is_named(file_.get(), name)) continue;
      name_ = name;
      return;
    }
    throw_io("create", target_, errno);
  }

  // False if the name is taken.
  bool link_to(const fs::path& name) {
    const int result =
        ::linkat(AT_FDCWD, name_of(file_.get()).c_str(), AT_FDCWD, name.c_str(), AT_SYMLINK_FOLLOW);
    if (result != 0 && errno != EEXIST) throw_io("create", target_, errno);
    return result == 0;
  }

  void remove_name() {
    if (!name_.empty()) ::unlink(name_.c_str());
  }

  fs::path target_;
  fs::path name_;                         // the temporary one, if it has any
  std::optional<Unfinished> unfinished_;  // while it may have one
  Descriptor file_;
};

class Stream : public NewFile {
 public:
  Stream(const fs::path& path, Descriptor file) : path_(path), file_(std::move(file)) {}

  void append(std::span<const std::byte> bytes) override { write_all(file_.get(), path_, bytes); }
  void sync() override {}
  void publish() override {
    if (::close(file_.release()) != 0 && errno != EINTR) throw_io("write", path_, errno);
  }

 private:
  fs::path path_;
  Descriptor file_;
};

[[noreturn]] void refuse(const fs::path& path, const std::string& got) {
  throw IoError(concat("cannot write ", path.string(), ": expected a file, got ", got));
}

}  // namespace

Descriptor::~Descriptor() {
  if (fd_ >= 0) ::close(fd_);
}

void throw_io(const char* what, const fs::path& path, int error) {
  throw IoError(concat("cannot ", what, " ", path.string(), ": ", std::strerror(error)));
}

void throw_with_name(const IoError& error, const fs::path& temporary, const fs::path& name) {
  std::string text = error.what();
  const size_t at = text.find(temporary.string());
  if (at != std::string::npos) text.replace(at, temporary.string().size(), name.string());
  throw IoError(text);
}

void write_all(int descriptor, const fs::path& path, std::span<const std::byte> bytes) {
  while (!bytes.empty()) {
    const ssize_t n = ::write(descriptor, bytes.data(), bytes.size());
    if (n < 0 && errno == EINTR) continue;
    if (n <= 0) throw_io("write", path, n < 0 ? errno : ENOSPC);
    bytes = bytes.subspan(static_cast<size_t>(n));
  }
}

fs::path followed(const fs::path& path) {
  fs::path at = fs::absolute(path);
  if (!at.has_filename()) at = at.parent_path();  // "folder/"
  at = with_canonical_folder(at);
  for (int i = 0; i < kMaxLinks; ++i) {
    std::error_code error;
    if (own_descriptor(at)) return at;
    if (!fs::is_symlink(fs::symlink_status(at, error))) return at;
    const fs::path next = fs::read_symlink(at, error);
    if (error) throw_io("follow", path, error.value());
    at = with_canonical_folder(at.parent_path() / next);
  }
  throw_io("follow", path, ELOOP);
}

NewFolder::NewFolder(const fs::path& target, FileLayer& files) : files_(files) {
  const fs::path parent = fs::absolute(target).parent_path();
  std::error_code error;
  for (int i = 0; i < kTries; ++i) {
    path_ = parent / temporary_name();
    if (fs::exists(fs::symlink_status(path_, error))) continue;
    try {
      files_.make_folder(path_);
    } catch (const IoError& failed) {
      throw_with_name(failed, path_, target);
    }
    opened_ = Descriptor(::open(path_.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
    if (opened_.get() < 0) return;
    mark_as_in_use(opened_);
    if (is_named(opened_.get(), path_)) return;  // otherwise removed by another process meanwhile
  }
  throw_io("create", target, EEXIST);
}

NewFolder::~NewFolder() {
  if (path_.empty()) return;
  try {
    files_.remove_all(path_);
  } catch (...) {  // of no more use: an error would hide the one that made it so
    return;
  }
}

void NewFolder::publish(const fs::path& target) {
  files_.rename(path_, target);
  path_.clear();
}

void keep_mode_of(const fs::path& old, const fs::path& folder) {
  struct stat status {};
  if (::stat(old.c_str(), &status) != 0) return;
  [[maybe_unused]] const int owner = ::chown(folder.c_str(), status.st_uid, status.st_gid);
  ::chmod(folder.c_str(), status.st_mode & kPermissions);
}

std::unique_ptr<NewFile> create_new_file(const fs::path& target) {
  return std::make_unique<RealNewFile>(fs::absolute(target));
}

Target target_of(const fs::path& path) {
  const fs::path at = followed(path);
  if (const auto descriptor = own_descriptor(at)) {
    const int flags = ::fcntl(*descriptor, F_GETFL);
    if (flags < 0) throw_io("write", path, errno);
    if ((flags & O_ACCMODE) == O_RDONLY) refuse(path, "a descriptor that is open for reading");
    return {.path = path, .is_stream = true, .descriptor = *descriptor};
  }
  struct stat status {};
  if (::lstat(at.c_str(), &status) != 0) {
    if (errno != ENOENT) throw_io("write", path, errno);
    return {.path = at};
  }
  if (S_ISCHR(status.st_mode)) return {.path = at, .is_stream = true};
  if (!S_ISREG(status.st_mode)) refuse(path, kind_of_file(at));
  return {.path = at};
}

std::unique_ptr<NewFile> open_stream(const Target& target) {
  constexpr int kFlags = O_WRONLY | O_NONBLOCK | O_NOCTTY | O_CLOEXEC;
  Descriptor file(target.descriptor >= 0 ? ::fcntl(target.descriptor, F_DUPFD_CLOEXEC, 0)
                                         : ::open(target.path.c_str(), kFlags));
  if (file.get() < 0) throw_io("write", target.path, errno);
  if (target.descriptor < 0) {  // opened without waiting, written with
    ::fcntl(file.get(), F_SETFL, ::fcntl(file.get(), F_GETFL) & ~O_NONBLOCK);
  }
  return std::make_unique<Stream>(target.path, std::move(file));
}

}  // namespace ddpm
