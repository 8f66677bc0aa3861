#include "ddpm/formats/archive.h"

#include <archive.h>
#include <archive_entry.h>
#include <zlib.h>

#include <algorithm>
#include <array>
#include <memory>
#include <nlohmann/json.hpp>
#include <string_view>

#include "ddpm/base/check.h"
#include "ddpm/base/input_file.h"
#include "ddpm/base/json.h"
#include "ddpm/base/text.h"

namespace ddpm {

namespace {

constexpr std::array<std::string_view, 7> kEndings = {".zip",     ".tar",    ".tar.gz", ".tgz",
                                                      ".tar.bz2", ".tar.xz", ".tar.zst"};
constexpr size_t kChunk = 64 * 1024;  // bytes read or inflated at once

// libarchive reading one file.
class Reader {
 public:
  explicit Reader(const std::filesystem::path& path)
      : path_(path), file_(path), archive_(archive_read_new(), archive_read_free) {
    // By name, not all that libarchive has: some of its filters start other programs.
    archive_read_support_filter_gzip(archive_.get());
    archive_read_support_filter_bzip2(archive_.get());
    archive_read_support_filter_xz(archive_.get());
    archive_read_support_filter_zstd(archive_.get());
    archive_read_support_format_tar(archive_.get());
    archive_read_support_format_zip(archive_.get());
    if (archive_read_open_fd(archive_.get(), file_.descriptor(), kChunk) != ARCHIVE_OK) fail("");
  }

  // The next entry, or null at the end.
  archive_entry* next() {
    archive_entry* entry = nullptr;
    const int result = archive_read_next_header(archive_.get(), &entry);
    if (result == ARCHIVE_EOF) return nullptr;
    if (result != ARCHIVE_OK && result != ARCHIVE_WARN) fail("");
    return entry;
  }

  // The bytes of the entry that next() gave; nothing, and `too_large`, if they are more than
  // `most_bytes`.
  std::string read(const std::string& name, int64_t most_bytes, bool& too_large) {
    std::string bytes;
    std::string chunk(kChunk, '\0');
    too_large = false;
    while (true) {
      const la_ssize_t got = archive_read_data(archive_.get(), chunk.data(), chunk.size());
      if (got < 0) fail(name);
      if (got == 0) return bytes;
      if (std::ssize(bytes) + got > most_bytes) {
        too_large = true;
        return {};
      }
      bytes.append(chunk, 0, static_cast<size_t>(got));
    }
  }

 private:
  [[noreturn]] void fail(const std::string& name) {
    const char* reason = archive_error_string(archive_.get());
    std::string line = reason == nullptr ? "damaged" : reason;
    std::replace_if(
        line.begin(), line.end(), [](char c) { return c < ' ' || c > '~'; }, '?');
    throw FormatError(concat(path_.string(), ": ", name.empty() ? "" : json_shown(name) + ": ",
                             "not readable as an archive: ", line));
  }

  std::filesystem::path path_;
  InputFile file_;
  std::unique_ptr<archive, int (*)(archive*)> archive_;
};

// In the bytes of the archive; libarchive converts to the locale's letters, and where that fails
// the UTF-8 form may still be there.
std::string name_of(archive_entry* entry) {
  const char* name = archive_entry_pathname(entry);
  if (name == nullptr) name = archive_entry_pathname_utf8(entry);
  return name == nullptr ? "" : name;
}

// zlib's inflate for gzip, ended with the object.
class Inflater {
 public:
  explicit Inflater(std::string_view input) {
    constexpr int kLargestWindow = 15;
    constexpr int kGzip = 16;  // added to the window's size: a gzip header, not a zlib one
    DDPM_ASSERT(inflateInit2(&stream_, kLargestWindow + kGzip) == Z_OK);
    stream_.next_in = reinterpret_cast<Bytef*>(const_cast<char*>(input.data()));
    left_ = input.size();
  }
  ~Inflater() { inflateEnd(&stream_); }
  Inflater(const Inflater&) = delete;
  Inflater& operator=(const Inflater&) = delete;

  // Up to chunk.size() bytes into `chunk`; sets `ended` at the end of a member. False if damaged.
  bool inflate_some(std::string& chunk, size_t& got, bool& ended) {
    const size_t offered = std::min<size_t>(left_, 1u << 30);  // zlib counts in 32 bits
    stream_.avail_in = static_cast<uInt>(offered);
    stream_.next_out = reinterpret_cast<Bytef*>(chunk.data());
    stream_.avail_out = static_cast<uInt>(chunk.size());
    const int result = inflate(&stream_, Z_NO_FLUSH);
    left_ -= offered - stream_.avail_in;
    got = chunk.size() - stream_.avail_out;
    ended = result == Z_STREAM_END;
    return ended || result == Z_OK;  // Z_BUF_ERROR: the input ended too early
  }

  void next_member() { DDPM_ASSERT(inflateReset(&stream_) == Z_OK); }
  size_t left() const { return left_; }

 private:
  z_stream stream_{};
  size_t left_ = 0;  // bytes of the input not yet inflated
};

bool is_gzip(std::string_view bytes) { return bytes.starts_with("\x1f\x8b"); }

}  // namespace

bool is_archive_name(const std::filesystem::path& path) {
  const std::string name = lower_case(path.filename().string());
  return std::any_of(kEndings.begin(), kEndings.end(), [&name](std::string_view ending) {
    return std::string_view(name).ends_with(ending);
  });
}

void for_each_archive_entry(const std::filesystem::path& path, int64_t most_bytes,
                            const std::function<bool(const std::string& name)>& wanted,
                            const std::function<void(ArchiveEntry entry, bool too_large)>& take) {
  Reader reader(path);
  while (archive_entry* entry = reader.next()) {
    if (archive_entry_filetype(entry) != AE_IFREG || archive_entry_hardlink(entry) != nullptr) {
      continue;
    }
    ArchiveEntry found{name_of(entry), {}};
    if (!wanted(found.name)) continue;
    bool too_large = archive_entry_size_is_set(entry) && archive_entry_size(entry) > most_bytes;
    if (!too_large) found.bytes = reader.read(found.name, most_bytes, too_large);
    take(std::move(found), too_large);
  }
}

std::string gunzip_if_needed(std::string bytes, int64_t most_bytes, const std::string& who) {
  if (!is_gzip(bytes)) return bytes;
  Inflater inflater(bytes);
  std::string result;
  std::string chunk(kChunk, '\0');
  while (true) {
    size_t got = 0;
    bool ended = false;
    if (!inflater.inflate_some(chunk, got, ended)) {
      throw FormatError(concat(who, ": damaged or truncated gzip, after ", result.size() + got,
                               " bytes inflated"));
    }
    if (std::ssize(result) + static_cast<int64_t>(got) > most_bytes) {
      throw FormatError(concat(who, ": inflates to more than ", most_bytes, " bytes"));
    }
    result.append(chunk, 0, got);
    if (!ended) continue;
    if (inflater.left() == 0) return result;
    if (!is_gzip(std::string_view(bytes).substr(bytes.size() - inflater.left()))) {
      throw FormatError(concat(who, ": ", inflater.left(), " trailing bytes after the gzip data"));
    }
    inflater.next_member();
  }
}

}  // namespace ddpm
