// Files that appear whole or not at all. For files that are only read see input_file.h.
//
// Everything that must survive a crash is written through a FileLayer: without a name or under a
// temporary one, synced, renamed, and the folder synced. Tests put a layer in its place that cuts
// off at any one operation.
//
// A target that is a link is written through: the link stays, what it leads to is replaced or, if
// it leads nowhere, made. A file that is replaced keeps its mode and, where the system allows it,
// its owner; a new one gets 0666 less the umask. A character device, a pipe and a descriptor of
// this process (/dev/null, /dev/stdout, /dev/fd/N) are written to as a stream and never replaced; a
// folder, a FIFO, a socket and a block device are refused with IoError. Temporary names are random,
// made exclusively in the target's folder, start with ".tmp-", and are removed unless the machine
// fails; error messages name the target.

#pragma once

#include <cstdint>
#include <filesystem>
#include <functional>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "ddpm/base/input_file.h"

namespace ddpm {

// A file on its way to its name. Nothing is at the name, or what was there before, until publish()
// has returned; without it the destructor leaves nothing behind.
class NewFile {
 public:
  virtual ~NewFile() = default;
  virtual void append(std::span<const std::byte> bytes) = 0;
  virtual void sync() = 0;
  virtual void publish() = 0;  // replaces what is there in one step; not yet durable
};

// The operations on the disk that a crash can fall between. All throw IoError with the path and the
// operating system's reason.
class FileLayer {
 public:
  virtual ~FileLayer() = default;
  // A new, empty file that publish() puts at `target`, which is a regular file or nothing.
  virtual std::unique_ptr<NewFile> create(const std::filesystem::path& target) = 0;
  // Creates or truncates `path`, a regular file, and writes `bytes` to it; not yet synced. For
  // files inside a temporary folder; anything else is create()d.
  virtual void write(const std::filesystem::path& path, std::span<const std::byte> bytes) = 0;
  virtual void append(const std::filesystem::path& path, std::span<const std::byte> bytes) = 0;
  // A folder on a file system that cannot sync folders counts as synced.
  virtual void sync(const std::filesystem::path& file_or_folder) = 0;
  virtual void rename(const std::filesystem::path& from, const std::filesystem::path& to) = 0;
  virtual void make_folder(const std::filesystem::path& path) = 0;  // parents too; may exist
  virtual void remove_all(const std::filesystem::path& path) = 0;   // may be missing
};

// The disk itself.
FileLayer& real_files();

// Where bytes for `path` go: the links followed, and whether that is a stream.
struct Target {
  std::filesystem::path path;  // absolute, its last part no link; what errors name
  bool is_stream = false;      // a character device, an anonymous pipe, an open descriptor
  int descriptor = -1;         // of this process, if `path` leads to one, such as /dev/fd/3
};

// Throws IoError if `path` leads to a folder, a FIFO, a socket or a block device, to itself, or
// to a descriptor that is not open for writing.
Target target_of(const std::filesystem::path& path);

// Writes a file piece by piece, with one mebibyte of memory.
class FileWriter {
 public:
  // Throws IoError if nothing can be written at `path`; its folder must exist.
  explicit FileWriter(const std::filesystem::path& path, FileLayer& files = real_files());
  explicit FileWriter(Target target, FileLayer& files = real_files());
  // Without commit() the name is as it was before, and nothing is left beside it. (A stream keeps
  // what it was given.)
  ~FileWriter();
  FileWriter(const FileWriter&) = delete;
  FileWriter& operator=(const FileWriter&) = delete;

  void append(std::span<const std::byte> bytes);
  void append(std::string_view bytes);

  // Makes the file appear at its name with all that was appended, durably: after a crash at any
  // point it is either as it was before or complete. To be called once, last.
  void commit();

 private:
  void flush();

  Target target_;
  FileLayer& files_;
  std::unique_ptr<NewFile> file_;
  std::string buffer_;
};

// Makes `path` hold `bytes`: after a crash at any point it is either as it was before or complete.
void write_file_whole(const std::filesystem::path& path, std::string_view bytes,
                      FileLayer& files = real_files());

// A file to be written, its bytes in parts behind each other, which are not copied.
struct FileInParts {
  std::filesystem::path path;
  std::vector<std::string_view> parts;
};

// Makes the files of one folder appear that belong together, where the last one tells of the
// others and the others mean nothing without it. After a crash at any point the last one is as it
// was before, with the others as they were; or missing; or complete, with the others complete.
// None may be a stream.
void write_files_whole(const std::vector<FileInParts>& together, FileLayer& files = real_files());

// Makes the folder `path`, which must not exist or be empty, appear with all that `fill` writes
// into the temporary folder that it is given (through `files`; write, append and make_folder, no
// syncing needed). After a crash at any point `path` is complete or as it was; a leftover temporary
// folder has a name that starts with ".tmp-" and may be removed. An exception leaves none.
void write_folder_whole(const std::filesystem::path& path,
                        const std::function<void(const std::filesystem::path& folder)>& fill,
                        FileLayer& files = real_files());

// The bytes of a text, for the functions above.
std::span<const std::byte> as_bytes(std::string_view text);
std::string_view as_text(std::span<const std::byte> bytes);

}  // namespace ddpm
