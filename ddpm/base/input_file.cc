#include "ddpm/base/input_file.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <sys/vfs.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <utility>

#include "ddpm/base/check.h"

namespace ddpm {

namespace fs = std::filesystem;

namespace {

constexpr int64_t kPipeFs = 0x50495045;  // PIPEFS_MAGIC of <linux/magic.h>
constexpr size_t kPipeChunk = 64 * 1024;

[[noreturn]] void throw_io(const char* what, const fs::path& path, int error) {
  throw IoError(concat("cannot ", what, " ", path.string(), ": ", std::strerror(error)));
}

[[noreturn]] void throw_changed(const fs::path& path) {
  throw IoError(concat(path.string(), " changed while it was read"));
}

const char* kind_of(mode_t mode) {
  switch (mode & S_IFMT) {
    case S_IFREG:
      return "a regular file";
    case S_IFDIR:
      return "a folder";
    case S_IFIFO:
      return "a FIFO (named pipe)";
    case S_IFSOCK:
      return "a socket";
    case S_IFCHR:
      return "a character device";
    case S_IFBLK:
      return "a block device";
    default:
      return "a special file";
  }
}

[[noreturn]] void throw_kind(const fs::path& path, mode_t mode) {
  throw IoError(
      concat("cannot read ", path.string(), ": expected a regular file, got ", kind_of(mode)));
}

int64_t modified_ns(const struct stat& status) {
  constexpr int64_t kNanosecondsPerSecond = 1'000'000'000;
  return int64_t{status.st_mtim.tv_sec} * kNanosecondsPerSecond + status.st_mtim.tv_nsec;
}

// A FIFO of the file system lies on that file system; a pipe lies on pipefs.
bool is_anonymous_pipe(int descriptor) {
  struct statfs status {};
  return ::fstatfs(descriptor, &status) == 0 && int64_t{status.f_type} == kPipeFs;
}

std::string read_pipe(const InputFile& file, int64_t max_bytes) {
  std::string bytes;
  std::string chunk(kPipeChunk, '\0');
  const auto space = std::as_writable_bytes(std::span<char>(chunk));
  while (const size_t got = file.read_some(space)) {
    bytes.append(chunk, 0, got);
    if (static_cast<int64_t>(bytes.size()) > max_bytes) {
      throw FormatError(
          concat(file.path().string(), ": expected at most ", max_bytes, " bytes, got more"));
    }
  }
  return bytes;
}

}  // namespace

std::string kind_of_file(const fs::path& path) {
  struct stat status {};
  if (::stat(path.c_str(), &status) == 0) return kind_of(status.st_mode);
  const bool link = ::lstat(path.c_str(), &status) == 0 && S_ISLNK(status.st_mode);
  return link ? "a link that leads nowhere" : "nothing";
}

InputFile::InputFile(const fs::path& path, Pipes pipes) : path_(path) {
  // asked before it is opened, as opening some devices acts on them
  struct stat status {};
  if (::stat(path.c_str(), &status) != 0) throw_io("open", path, errno);
  const bool may_be_pipe = pipes == Pipes::kTaken && S_ISFIFO(status.st_mode);
  if (!S_ISREG(status.st_mode) && !may_be_pipe) throw_kind(path, status.st_mode);
  descriptor_ = ::open(path.c_str(), O_RDONLY | O_NONBLOCK | O_CLOEXEC | O_NOCTTY);
  if (descriptor_ < 0) throw_io("open", path, errno);
  const int error = ::fstat(descriptor_, &status) == 0 ? 0 : errno;
  is_pipe_ = error == 0 && S_ISFIFO(status.st_mode) && pipes == Pipes::kTaken &&
             is_anonymous_pipe(descriptor_);
  if (error != 0 || !(S_ISREG(status.st_mode) || is_pipe_)) {
    ::close(std::exchange(descriptor_, -1));
    if (error != 0) throw_io("open", path, error);
    throw_kind(path, status.st_mode);
  }
  if (is_pipe_) {  // its writer may be slow; this description of the pipe is ours alone
    ::fcntl(descriptor_, F_SETFL, ::fcntl(descriptor_, F_GETFL) & ~O_NONBLOCK);
    return;
  }
  size_ = status.st_size;
  modified_ns_ = modified_ns(status);
}

InputFile::~InputFile() {
  if (descriptor_ >= 0) ::close(descriptor_);
}

InputFile::InputFile(InputFile&& other) noexcept
    : path_(std::move(other.path_)),
      descriptor_(std::exchange(other.descriptor_, -1)),
      is_pipe_(other.is_pipe_),
      size_(other.size_),
      modified_ns_(other.modified_ns_) {}

InputFile& InputFile::operator=(InputFile&& other) noexcept {
  std::swap(path_, other.path_);
  std::swap(descriptor_, other.descriptor_);
  std::swap(is_pipe_, other.is_pipe_);
  std::swap(size_, other.size_);
  std::swap(modified_ns_, other.modified_ns_);
  return *this;
}

void InputFile::read_at(int64_t offset, std::span<std::byte> bytes) const {
  DDPM_ASSERT(offset >= 0 && offset <= size_ && std::ssize(bytes) <= size_ - offset);
  while (!bytes.empty()) {
    const ssize_t n = ::pread(descriptor_, bytes.data(), bytes.size(), offset);
    if (n < 0 && errno == EINTR) continue;
    if (n < 0) throw_io("read", path_, errno);
    if (n == 0) throw_changed(path_);
    bytes = bytes.subspan(static_cast<size_t>(n));
    offset += n;
  }
}

size_t InputFile::read_some(std::span<std::byte> bytes) const {
  while (true) {
    const ssize_t n = ::read(descriptor_, bytes.data(), bytes.size());
    if (n >= 0) return static_cast<size_t>(n);
    if (errno != EINTR) throw_io("read", path_, errno);
  }
}

void InputFile::check_unchanged() const {
  struct stat status {};
  if (::fstat(descriptor_, &status) != 0) throw_io("read", path_, errno);
  if (status.st_size != size_ || modified_ns(status) != modified_ns_) throw_changed(path_);
}

std::string read_file(const fs::path& path, int64_t max_bytes, Pipes pipes) {
  return read_file(InputFile(path, pipes), max_bytes);
}

std::string read_file(const InputFile& file, int64_t max_bytes) {
  if (file.is_pipe()) return read_pipe(file, max_bytes);
  if (file.size() > max_bytes) {
    throw FormatError(concat(file.path().string(), ": expected at most ", max_bytes, " bytes, got ",
                             file.size()));
  }
  std::string bytes(static_cast<size_t>(file.size()), '\0');
  file.read_at(0, std::as_writable_bytes(std::span<char>(bytes)));
  return bytes;
}

}  // namespace ddpm
