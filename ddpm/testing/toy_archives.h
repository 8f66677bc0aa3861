// Archives for tests: made by libarchive, and read back whole.

#pragma once

#include <archive.h>
#include <archive_entry.h>
#include <gtest/gtest.h>
#include <zlib.h>

#include <filesystem>
#include <string>
#include <utility>
#include <vector>

#include "ddpm/base/check.h"
#include "ddpm/base/file.h"
#include "ddpm/formats/archive.h"
#include "ddpm/testing/complaint.h"
#include "ddpm/testing/temporary_folder.h"

namespace ddpm {

inline std::string gzip(const std::string& text) {
  z_stream stream{};
  EXPECT_EQ(deflateInit2(&stream, 9, Z_DEFLATED, 15 + 16, 8, Z_DEFAULT_STRATEGY), Z_OK);
  std::string out(text.size() + 1000, '\0');
  std::string in = text;
  stream.next_in = reinterpret_cast<Bytef*>(in.data());
  stream.avail_in = static_cast<uInt>(in.size());
  stream.next_out = reinterpret_cast<Bytef*>(out.data());
  stream.avail_out = static_cast<uInt>(out.size());
  EXPECT_EQ(deflate(&stream, Z_FINISH), Z_STREAM_END);
  out.resize(out.size() - stream.avail_out);
  deflateEnd(&stream);
  return out;
}

struct Member {
  std::string name;
  std::string bytes;
  unsigned type = AE_IFREG;
};

inline constexpr unsigned kHardLink = 1;  // beside libarchive's types
inline constexpr unsigned kBad = 2;

inline bool operator==(const Member& a, const Member& b) {
  return a.name == b.name && a.bytes == b.bytes && a.type == b.type;
}

// A private folder that goes with the test.
class ToyArchives : public ::testing::Test {
 protected:
  // libarchive chooses format and filter by the ending; `options` as it takes them.
  std::filesystem::path make(const std::string& name, const std::vector<Member>& members,
                             const std::string& options = "",
                             const std::string& format = "") const {
    archive* out = archive_write_new();
    const std::filesystem::path path = folder_ / name;
    if (name.ends_with(".zst")) {  // which libarchive does not know by its ending
      EXPECT_EQ(archive_write_set_format_ustar(out), ARCHIVE_OK);
      EXPECT_EQ(archive_write_add_filter_zstd(out), ARCHIVE_OK);
    } else if (!format.empty() && name.ends_with(".tar")) {  // a second format leaks the first
      EXPECT_EQ(archive_write_set_format_by_name(out, format.c_str()), ARCHIVE_OK);
    } else {
      EXPECT_EQ(archive_write_set_format_filter_by_ext(out, name.c_str()), ARCHIVE_OK) << name;
    }
    if (!options.empty()) {
      EXPECT_EQ(archive_write_set_options(out, options.c_str()), ARCHIVE_OK);
      archive_write_set_passphrase(out, "secret");
    }
    EXPECT_EQ(archive_write_open_filename(out, path.c_str()), ARCHIVE_OK);
    for (const Member& member : members) {
      archive_entry* entry = archive_entry_new();
      archive_entry_set_pathname(entry, member.name.c_str());
      archive_entry_set_filetype(entry, member.type == kHardLink ? AE_IFREG : member.type);
      archive_entry_set_perm(entry, 0644);
      archive_entry_set_size(entry, std::ssize(member.bytes));
      if (member.type == AE_IFLNK || member.type == kHardLink) archive_entry_set_size(entry, 0);
      if (member.type == AE_IFLNK) archive_entry_set_symlink(entry, member.bytes.c_str());
      if (member.type == kHardLink) archive_entry_set_hardlink(entry, member.bytes.c_str());
      EXPECT_GE(archive_write_header(out, entry), ARCHIVE_WARN) << archive_error_string(out);
      const bool has_contents = member.type == AE_IFREG;
      if (has_contents) archive_write_data(out, member.bytes.data(), member.bytes.size());
      archive_entry_free(entry);
    }
    EXPECT_EQ(archive_write_close(out), ARCHIVE_OK);
    archive_write_free(out);
    return path;
  }

  const TemporaryFolder folder_;
};

// Everything in the archive: files as they are, what cannot be read with its reason as bytes.
inline std::vector<Member> read_all(const std::filesystem::path& path,
                                    const ArchiveLimits& limits = {}) {
  std::vector<Member> members;
  ArchiveHandlers handlers;
  handlers.wants = [](const ArchiveEntry&) { return true; };
  handlers.take = [&members](ArchiveEntry entry, std::string bytes) {
    members.push_back({std::move(entry.name), std::move(bytes), AE_IFREG});
  };
  handlers.pass = [&members](ArchiveEntry entry) {
    const bool special = entry.kind == ArchiveEntry::Kind::kSpecial;
    const bool hard = entry.kind == ArchiveEntry::Kind::kHardLink;
    members.push_back({std::move(entry.name), std::move(entry.target),
                       special ? AE_IFIFO
                       : hard  ? kHardLink
                               : AE_IFLNK});
  };
  handlers.fail = [&members](ArchiveEntry entry, std::string reason) {
    members.push_back({std::move(entry.name), std::move(reason), kBad});
  };
  read_archive(path, handlers, limits);
  return members;
}

inline ArchiveLimits at_most(int64_t bytes) {
  ArchiveLimits limits;
  limits.max_file_bytes = bytes;
  return limits;
}

inline std::string error_of(const std::filesystem::path& path) {
  return complaint<FormatError>([&] { read_all(path); });
}

inline std::string read_bytes(const std::filesystem::path& path) {
  return read_file(path, 1'000'000'000);
}

// Bytes that no filter can shorten much.
inline std::string noise(size_t size) {
  std::string bytes;
  uint32_t state = 1;
  for (size_t i = 0; i < size; ++i) {
    state = state * 1664525u + 1013904223u;
    bytes += static_cast<char>(state >> 24);
  }
  return bytes;
}

// The zip with general purpose flag 11 (names are UTF-8) set or cleared in every header. The
// contents must not hold a header's first bytes.
inline std::string with_utf8_flag(std::string zip, bool set) {
  for (const auto& [magic, offset] : {std::pair{"PK\x03\x04", 7}, std::pair{"PK\x01\x02", 9}}) {
    for (size_t at = zip.find(magic); at != std::string::npos; at = zip.find(magic, at + 1)) {
      char& flags = zip[at + static_cast<size_t>(offset)];
      flags = static_cast<char>(set ? flags | 8 : flags & ~8);
    }
  }
  return zip;
}

inline const std::vector<Member>& three() {
  static const std::vector<Member> members = {
      {"b/one.png", noise(100'000)}, {"a/two.jpg", "22"}, {"b/empty", ""}};
  return members;
}

}  // namespace ddpm
