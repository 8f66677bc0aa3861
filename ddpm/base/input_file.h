// Files that are only read: opened without waiting, read by offset, never mapped.
//
// Every file that a user names is opened here. A FIFO, a socket or a device is refused before it
// can block or act; a file that shrinks while it is read is an error, not a signal.

#pragma once

#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <span>
#include <string>

namespace ddpm {

// Whether an anonymous pipe is taken too: what a shell makes of "<(command)" and "command |".
// A FIFO, which has a name of its own, is refused in either case: it may never have a writer.
enum class Pipes { kRefused, kTaken };

// What `path` leads to, links followed: "a regular file", "a folder", "a FIFO (named pipe)",
// "a socket", "a character device", "a block device", "nothing", "a link that leads nowhere".
std::string kind_of_file(const std::filesystem::path& path);

// An open file. Its size is the one it had when it was opened: bytes appended later are not read.
class InputFile {
 public:
  // Opens with O_NONBLOCK and O_CLOEXEC. Throws IoError that names the path and what is there if it
  // is not a regular file (or a pipe, if those are taken).
  explicit InputFile(const std::filesystem::path& path, Pipes pipes = Pipes::kRefused);
  ~InputFile();
  InputFile(InputFile&& other) noexcept;
  InputFile& operator=(InputFile&& other) noexcept;

  const std::filesystem::path& path() const { return path_; }
  bool is_pipe() const { return is_pipe_; }
  int64_t size() const { return size_; }  // bytes; 0 for a pipe

  // For a library that reads from a descriptor. It stays this object's.
  int descriptor() const { return descriptor_; }

  // Fills `bytes` from `offset` on; both must lie within size(). Several threads may read at once.
  // Throws IoError: "PATH changed while it was read" if the file has become shorter, otherwise the
  // system's reason.
  void read_at(int64_t offset, std::span<std::byte> bytes) const;

  // The next bytes from the descriptor's own position, at most bytes.size(); 0 at the end. This is
  // the only way to read a pipe; it waits for the pipe's writer.
  size_t read_some(std::span<std::byte> bytes) const;

  // Throws IoError "PATH changed while it was read" if its size or its time of modification is not
  // what it was when it was opened.
  void check_unchanged() const;

 private:
  std::filesystem::path path_;
  int descriptor_ = -1;
  bool is_pipe_ = false;
  int64_t size_ = 0;
  int64_t modified_ns_ = 0;
};

// The whole of a regular file, or of a pipe up to its end. Throws IoError as InputFile does;
// FormatError if it has more than `max_bytes` bytes (of a regular file nothing is then read).
std::string read_file(const std::filesystem::path& path, int64_t max_bytes,
                      Pipes pipes = Pipes::kRefused);
std::string read_file(const InputFile& file, int64_t max_bytes);

}  // namespace ddpm
