// The parts of file.h that speak to the operating system: following links, temporary names,
// descriptors, and the file that gets its name last.

#pragma once

#include <filesystem>
#include <memory>
#include <span>
#include <utility>

#include "ddpm/base/check.h"
#include "ddpm/base/file.h"

namespace ddpm {

// A descriptor that is closed when it goes out of scope; -1: none.
class Descriptor {
 public:
  explicit Descriptor(int fd = -1) : fd_(fd) {}
  ~Descriptor();
  Descriptor(Descriptor&& other) noexcept : fd_(std::exchange(other.fd_, -1)) {}
  Descriptor& operator=(Descriptor&& other) noexcept {
    std::swap(fd_, other.fd_);
    return *this;
  }
  int get() const { return fd_; }
  int release() { return std::exchange(fd_, -1); }

 private:
  int fd_;
};

[[noreturn]] void throw_io(const char* what, const std::filesystem::path& path, int error);

// Throws the error with `name` in place of `temporary`, which nobody knows.
[[noreturn]] void throw_with_name(const IoError& error, const std::filesystem::path& temporary,
                                  const std::filesystem::path& name);

// Throws IoError that names `path`.
void write_all(int descriptor, const std::filesystem::path& path, std::span<const std::byte> bytes);

// `path`, absolute, with the links of its last part followed up to a name that is no link, which
// need not exist, or that stands for a descriptor of this process, such as /proc/self/fd/1. Throws
// IoError for a circle of links.
std::filesystem::path followed(const std::filesystem::path& path);

// A folder with a temporary name beside `target`, removed with what is in it unless it is
// published.
class NewFolder {
 public:
  NewFolder(const std::filesystem::path& target, FileLayer& files);
  ~NewFolder();
  NewFolder(const NewFolder&) = delete;
  NewFolder& operator=(const NewFolder&) = delete;

  const std::filesystem::path& path() const { return path_; }
  void publish(const std::filesystem::path& target);

 private:
  FileLayer& files_;
  std::filesystem::path path_;
  Descriptor opened_;
};

// Gives `folder` the permissions of `old`, if there is one.
void keep_mode_of(const std::filesystem::path& old, const std::filesystem::path& folder);

// FileLayer::create on the disk itself. Where the file system can, the file has no name until it is
// published, so that not even a killed process leaves one.
std::unique_ptr<NewFile> create_new_file(const std::filesystem::path& target);

// A stream that is written at once; its publish() closes it.
std::unique_ptr<NewFile> open_stream(const Target& target);

}  // namespace ddpm
