#include <zlib.h>

#include <algorithm>
#include <new>
#include <string_view>

#include "ddpm/base/check.h"
#include "ddpm/formats/archive.h"
#include "ddpm/formats/archive_internal.h"

namespace ddpm {

namespace {

constexpr size_t kChunk = 64 * 1024;  // bytes decompressed at once
// zlib's inflate for gzip, ended with the object.
class Inflater {
 public:
  explicit Inflater(std::string_view input) {
    constexpr int kLargestWindow = 15;
    constexpr int kGzip = 16;  // added to the window's size: a gzip header, not a zlib one
    if (inflateInit2(&stream_, kLargestWindow + kGzip) != Z_OK) throw std::bad_alloc();
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

std::string gunzip_if_needed(std::string bytes, int64_t max_bytes, const std::string& who,
                             const GiveUp& give_up) {
  if (!is_gzip(bytes)) return bytes;
  ArchiveBudget budget(who, std::ssize(bytes), ArchiveLimits(), give_up);
  Inflater inflater(bytes);
  std::string result;
  std::string chunk(kChunk, '\0');
  while (true) {
    budget.check_stop();
    size_t got = 0;
    bool ended = false;
    if (!inflater.inflate_some(chunk, got, ended)) {
      throw FormatError(concat(who, ": damaged or truncated gzip, after ", result.size() + got,
                               " bytes inflated"));
    }
    if (std::ssize(result) + static_cast<int64_t>(got) > max_bytes) {
      throw FormatError(concat(who, ": inflates to more than ", max_bytes, " bytes"));
    }
    budget.inflate(static_cast<int64_t>(got));
    result.append(chunk, 0, got);
    if (!ended) continue;
    if (inflater.left() == 0) return result;
    if (!is_gzip(std::string_view(bytes).substr(bytes.size() - inflater.left()))) {
      throw FormatError(concat(who, ": ", inflater.left(), " trailing bytes after the gzip data"));
    }
    inflater.next_member();
  }
}

std::string gunzip_start(std::string_view bytes, size_t count) {
  if (!is_gzip(bytes)) return std::string(bytes.substr(0, count));
  Inflater inflater(bytes);
  std::string result;
  std::string chunk(kChunk, '\0');
  bool ended = false;
  while (!ended && result.size() < count) {
    size_t got = 0;
    if (!inflater.inflate_some(chunk, got, ended)) break;
    result.append(chunk, 0, got);
  }
  return result.substr(0, count);
}

}  // namespace ddpm
