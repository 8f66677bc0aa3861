// Files that appear whole or not at all, and files that are only read.
//
// Everything that must survive a crash is written through a FileLayer: to a temporary name, synced,
// renamed, and the folder synced. Tests put a layer in its place that cuts off at any one
// operation.

#pragma once

#include <cstdint>
#include <filesystem>
#include <functional>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace ddpm {

// The operations on the disk that a crash can fall between. All throw IoError with the path and the
// operating system's reason.
class FileLayer {
 public:
  virtual ~FileLayer() = default;
  // Creates or truncates `path` and writes `bytes` to it; not yet synced.
  virtual void write(const std::filesystem::path& path, std::span<const std::byte> bytes) = 0;
  virtual void append(const std::filesystem::path& path, std::span<const std::byte> bytes) = 0;
  virtual void sync(const std::filesystem::path& file_or_folder) = 0;
  virtual void rename(const std::filesystem::path& from, const std::filesystem::path& to) = 0;
  virtual void make_folder(const std::filesystem::path& path) = 0;  // parents too; may exist
  virtual void remove_all(const std::filesystem::path& path) = 0;   // may be missing
};

// The disk itself.
FileLayer& real_files();

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
void write_files_whole(const std::vector<FileInParts>& together, FileLayer& files = real_files());

// Makes the folder `path`, which must not exist or be empty, appear with all that `fill` writes
// into the temporary folder that it is given (through `files`; write, append and make_folder, no
// syncing needed). After a crash at any point `path` is complete or as it was; a leftover temporary
// folder has a name that starts with ".tmp-" and may be removed. An Error of `fill` or of the disk
// leaves none.
void write_folder_whole(const std::filesystem::path& path,
                        const std::function<void(const std::filesystem::path& folder)>& fill,
                        FileLayer& files = real_files());

// The whole of a regular file. Throws IoError if it cannot be read, FormatError if it has more than
// `max_bytes` bytes (nothing is then read).
std::string read_file(const std::filesystem::path& path, int64_t max_bytes);

// A file mapped for reading; unmapped with the last copy. An empty file gives an empty span.
class MappedFile {
 public:
  explicit MappedFile(const std::filesystem::path& path);  // throws IoError
  std::span<const std::byte> bytes() const;

  // Gives the memory of `part` of bytes() back, but for pages that are shared with its neighbours:
  // it is read from the file again when it is asked for.
  static void release(std::span<const std::byte> part);

 private:
  struct Mapping;
  std::shared_ptr<const Mapping> mapping_;
};

// The bytes of a text, for the functions above.
std::span<const std::byte> as_bytes(std::string_view text);
std::string_view as_text(std::span<const std::byte> bytes);

}  // namespace ddpm
