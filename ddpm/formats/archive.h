// Archives read in place: .zip, .tar, .tar.gz, .tgz, .tar.bz2, .tar.xz and .tar.zst. Nothing is
// ever written to the disk: the names of entries are only names, raw bytes in whatever encoding.

#pragma once

#include <cstdint>
#include <filesystem>
#include <functional>
#include <string>
#include <string_view>

namespace ddpm {

// Whether the name has one of the endings above, in any case.
bool is_archive_name(const std::filesystem::path& path);

// Loops over foreign data call it at least every few megabytes. What it throws ends the work and
// reaches the caller. May be empty.
using GiveUp = std::function<void()>;

struct ArchiveEntry {
  enum class Kind { kFile, kHardLink, kSymbolicLink, kSpecial };  // kSpecial: a FIFO or a device

  std::string name;  // "/" between folders, not normalised
  Kind kind = Kind::kFile;
  std::string target;  // of a link, as the archive spells it
};

// What one archive may cost. An archive beyond max_file_bytes or max_name_bytes has a bad entry;
// beyond the others it is a FormatError.
struct ArchiveLimits {
  int64_t max_file_bytes = int64_t{1} << 30;
  int64_t max_name_bytes = 4095;     // no system can unpack a longer path (PATH_MAX)
  int64_t max_entries = 10'000'000;  // seven times ImageNet's
  // The names of all entries together, which stay in memory: free_names + max_names_ratio * the
  // file's size. A name, once compressed, has no fewer than some ten bytes with its entry.
  int64_t free_names = int64_t{32} << 20;
  int64_t max_names_ratio = 4;
  // Decompression, skipped entries included, ends at free_bytes + max_ratio * the file's size.
  // Images hardly shrink: an archive of them has a ratio of 1, one of tiny flat images up to 100.
  int64_t free_bytes = int64_t{256} << 20;
  int64_t max_ratio = 200;
};

// What is done with the entries, in the archive's order; folders are passed over.
struct ArchiveHandlers {
  std::function<bool(const ArchiveEntry&)> wants;  // whether the bytes of this file are read
  std::function<void(ArchiveEntry, std::string bytes)> take;   // a file that was wanted
  std::function<void(ArchiveEntry)> pass;                      // a link or a special file
  std::function<void(ArchiveEntry, std::string reason)> fail;  // an entry that cannot be read
  // The archive has ended, and so many bytes follow that are not zeros. May be empty.
  std::function<void(int64_t bytes)> trailing;
  GiveUp give_up;
};

// Reads the archive from front to back, and a compressed one to its end, so that its check sum is
// compared whatever is in it. An entry that is damaged, encrypted, too large, sparse or
// compressed by an unknown method goes to `fail`, and reading continues with the next one. Throws
// FormatError if the file is no archive, is cut (a tar file without its end-of-archive blocks, a
// zip file without its directory), is damaged where no next entry can be found, or exceeds
// `limits`; IoError if it cannot be read.
void read_archive(const std::filesystem::path& path, const ArchiveHandlers& handlers,
                  const ArchiveLimits& limits = {});

// The bytes decompressed if they are gzip (RFC 1952, one member or several), otherwise as they are.
// Throws FormatError that starts with `who` if they are damaged, or if the result has more than
// `max_bytes` bytes or more than ArchiveLimits allows; no more memory than that is used.
std::string gunzip_if_needed(std::string bytes, int64_t max_bytes, const std::string& who,
                             const GiveUp& give_up = {});

// The first `count` bytes of what gunzip_if_needed returns, or all if there are fewer; whatever is
// behind them may be damaged.
std::string gunzip_start(std::string_view bytes, size_t count);

}  // namespace ddpm
