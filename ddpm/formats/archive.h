// Archives read in place, through libarchive: .zip, .tar, .tar.gz, .tgz, .tar.bz2, .tar.xz and
// .tar.zst. Nothing is ever written to the disk: the names of entries are only names.

#pragma once

#include <cstdint>
#include <filesystem>
#include <functional>
#include <string>

namespace ddpm {

// An archive by its name: any case, one of the endings above.
bool is_archive_name(const std::filesystem::path& path);

// A regular file of an archive; links and folders are passed over.
struct ArchiveEntry {
  std::string name;  // as the archive spells it, "/" between folders; any bytes
  std::string bytes;
};

// Calls `wanted` with the name of each regular file in the archive's order, and `take` with those
// for which it said yes. An entry of more than `most_bytes` bytes gets an empty text and
// `too_large` = true. Throws FormatError that names the entry if the archive is damaged, encrypted
// or no archive, IoError if it cannot be opened. A tar file that ends between two entries is whole.
void for_each_archive_entry(const std::filesystem::path& path, int64_t most_bytes,
                            const std::function<bool(const std::string& name)>& wanted,
                            const std::function<void(ArchiveEntry entry, bool too_large)>& take);

// The bytes inflated if they are gzip (RFC 1952, one member or several), else as they are.
// FormatError that starts with `who` if they are damaged or the result has more than `most_bytes`
// bytes; no more memory than that is used.
std::string gunzip_if_needed(std::string bytes, int64_t most_bytes, const std::string& who);

}  // namespace ddpm
