#include "ddpm/base/file.h"

#include <fcntl.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <system_error>

#include "ddpm/base/check.h"

namespace ddpm {

namespace fs = std::filesystem;

namespace {

[[noreturn]] void throw_io(const char* what, const fs::path& path, int error) {
  throw IoError(concat("cannot ", what, " ", path.string(), ": ", std::strerror(error)));
}

// A file descriptor that is closed when it goes out of scope.
class Descriptor {
 public:
  Descriptor(const char* what, const fs::path& path, int flags)
      : fd_(::open(path.c_str(), flags | O_CLOEXEC, 0666)) {
    if (fd_ < 0) throw_io(what, path, errno);
  }
  ~Descriptor() { ::close(fd_); }
  Descriptor(const Descriptor&) = delete;
  Descriptor& operator=(const Descriptor&) = delete;
  int get() const { return fd_; }

 private:
  int fd_;
};

void write_all(const Descriptor& file, const fs::path& path, std::span<const std::byte> bytes) {
  size_t done = 0;
  while (done < bytes.size()) {
    const ssize_t n = ::write(file.get(), bytes.data() + done, bytes.size() - done);
    if (n < 0 && errno == EINTR) continue;
    if (n <= 0) throw_io("write", path, n < 0 ? errno : ENOSPC);
    done += static_cast<size_t>(n);
  }
}

class RealFiles : public FileLayer {
 public:
  void write(const fs::path& path, std::span<const std::byte> bytes) override {
    write_all(Descriptor("create", path, O_WRONLY | O_CREAT | O_TRUNC), path, bytes);
  }
  void append(const fs::path& path, std::span<const std::byte> bytes) override {
    write_all(Descriptor("append to", path, O_WRONLY | O_CREAT | O_APPEND), path, bytes);
  }
  void sync(const fs::path& path) override {
    const Descriptor file("open", path, O_RDONLY);
    if (::fsync(file.get()) != 0) throw_io("sync", path, errno);
  }
  void rename(const fs::path& from, const fs::path& to) override {
    if (::rename(from.c_str(), to.c_str()) != 0) throw_io("rename to", to, errno);
  }
  void make_folder(const fs::path& path) override {
    std::error_code error;
    fs::create_directories(path, error);
    if (error) throw_io("create the folder", path, error.value());
  }
  void remove_all(const fs::path& path) override {
    std::error_code error;
    fs::remove_all(path, error);
    if (error) throw_io("remove", path, error.value());
  }
};

fs::path parent_of(const fs::path& path) { return fs::absolute(path).parent_path(); }

// A name beside `path`, so that a rename between them is one step of the file system.
fs::path temporary_beside(const fs::path& path) {
  return parent_of(path) / concat(".tmp-", ::getpid(), "-", fs::absolute(path).filename().string());
}

bool is_empty_folder(const fs::path& path) { return fs::is_directory(path) && fs::is_empty(path); }

// For what is of no more use: an error here would hide the one that made it so.
void remove_if_possible(const fs::path& path, FileLayer& files) {
  try {
    files.remove_all(path);
  } catch (const Error&) {
    return;
  }
}

void sync_tree(const fs::path& folder, FileLayer& files) {
  for (const auto& entry : fs::recursive_directory_iterator(folder)) files.sync(entry.path());
  files.sync(folder);
}

}  // namespace

FileLayer& real_files() {
  static RealFiles files;
  return files;
}

void write_file_whole(const fs::path& path, std::string_view bytes, FileLayer& files) {
  write_files_whole({{path, {bytes}}}, files);
}

void write_files_whole(const std::vector<FileInParts>& together, FileLayer& files) {
  DDPM_ASSERT(!together.empty());
  for (const FileInParts& file : together) {
    const fs::path temporary = temporary_beside(file.path);
    DDPM_ASSERT(!file.parts.empty());
    files.write(temporary, as_bytes(file.parts[0]));
    for (size_t i = 1; i < file.parts.size(); ++i) {
      files.append(temporary, as_bytes(file.parts[i]));
    }
    files.sync(temporary);  // the bytes are on the disk before the name points to them ...
  }
  const fs::path& last = together.back().path;
  if (together.size() > 1) {  // no old one may tell of new ones
    files.remove_all(last);
    files.sync(parent_of(last));
  }
  for (const FileInParts& file : together) {
    files.rename(temporary_beside(file.path), file.path);
    files.sync(parent_of(file.path));  // ... and the name before we say so
  }
}

void write_folder_whole(const fs::path& path,
                        const std::function<void(const fs::path& folder)>& fill, FileLayer& files) {
  DDPM_CHECK(!fs::exists(path) || is_empty_folder(path), "write_folder_whole: ", path.string(),
             " must not exist yet");
  const fs::path temporary = temporary_beside(path);
  files.remove_all(temporary);
  files.make_folder(temporary);
  try {
    fill(temporary);
    sync_tree(temporary, files);
    files.rename(temporary, path);
  } catch (const Error&) {
    remove_if_possible(temporary, files);
    throw;
  }
  files.sync(parent_of(path));
}

std::string read_file(const fs::path& path, int64_t max_bytes) {
  const Descriptor file("open", path, O_RDONLY);
  struct stat status {};
  if (::fstat(file.get(), &status) != 0) throw_io("read", path, errno);
  if (!S_ISREG(status.st_mode))
    throw IoError(concat("cannot read ", path.string(), ": not a file"));
  if (status.st_size > max_bytes) {
    throw FormatError(concat(path.string(), ": wanted at most ", max_bytes, " bytes, got ",
                             static_cast<int64_t>(status.st_size)));
  }
  std::string bytes(static_cast<size_t>(status.st_size), '\0');
  size_t done = 0;
  while (done < bytes.size()) {
    const ssize_t n = ::read(file.get(), bytes.data() + done, bytes.size() - done);
    if (n < 0 && errno == EINTR) continue;
    if (n < 0) throw_io("read", path, errno);
    if (n == 0) break;
    done += static_cast<size_t>(n);
  }
  bytes.resize(done);
  return bytes;
}

struct MappedFile::Mapping {
  void* address = nullptr;
  size_t size = 0;
  ~Mapping() {
    if (address != nullptr) ::munmap(address, size);
  }
};

MappedFile::MappedFile(const fs::path& path) {
  const Descriptor file("open", path, O_RDONLY);
  struct stat status {};
  if (::fstat(file.get(), &status) != 0) throw_io("read", path, errno);
  if (!S_ISREG(status.st_mode))
    throw IoError(concat("cannot read ", path.string(), ": not a file"));
  auto mapping = std::make_shared<Mapping>();
  mapping->size = static_cast<size_t>(status.st_size);
  if (mapping->size > 0) {
    void* address = ::mmap(nullptr, mapping->size, PROT_READ, MAP_PRIVATE, file.get(), 0);
    if (address == MAP_FAILED) throw_io("map", path, errno);
    mapping->address = address;
  }
  mapping_ = std::move(mapping);
}

std::span<const std::byte> MappedFile::bytes() const {
  return {static_cast<const std::byte*>(mapping_->address), mapping_->size};
}

void MappedFile::release(std::span<const std::byte> part) {
  const auto page = static_cast<uintptr_t>(::sysconf(_SC_PAGESIZE));
  const auto begin = reinterpret_cast<uintptr_t>(part.data());
  const uintptr_t first = (begin + page - 1) / page * page;
  const uintptr_t end = (begin + part.size()) / page * page;
  if (first >= end) return;
  // it is a hint: nothing is lost if it is refused
  ::madvise(reinterpret_cast<void*>(first), end - first, MADV_DONTNEED);
}

std::span<const std::byte> as_bytes(std::string_view text) {
  return std::as_bytes(std::span<const char>(text.data(), text.size()));
}

std::string_view as_text(std::span<const std::byte> bytes) {
  return {reinterpret_cast<const char*>(bytes.data()), bytes.size()};
}

}  // namespace ddpm
