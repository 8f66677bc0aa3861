#include <algorithm>
#include <new>
#include <string_view>
#include <utility>

#include "ddpm/base/check.h"
#include "ddpm/formats/archive.h"
#include "ddpm/formats/archive_internal.h"
#include "ddpm/formats/gunzip_internal.h"

namespace ddpm {

namespace {

constexpr size_t kChunk = 64 * 1024;  // bytes decompressed at once

// One step of the reader, its reason behind the name of the file.
size_t read_some(GzipReader& reader, std::string& chunk, const std::string& who) {
  try {
    return reader.read(chunk);
  } catch (const FormatError& error) {
    throw FormatError(concat(who, ": ", error.what()));
  }
}

// The bytes as a source, in pieces.
GzipReader::Source pieces_of(std::string_view bytes) {
  return [bytes]() mutable {
    const std::string_view piece = bytes.substr(0, kChunk);
    bytes.remove_prefix(piece.size());
    return piece;
  };
}

}  // namespace

bool is_gzip(std::string_view bytes) { return bytes.starts_with("\x1f\x8b"); }

GzipReader::GzipReader(Source source) : source_(std::move(source)) {
  constexpr int kLargestWindow = 15;
  constexpr int kGzip = 16;  // added to the window's size: a gzip header, not a zlib one
  if (inflateInit2(&stream_, kLargestWindow + kGzip) != Z_OK) throw std::bad_alloc();
}

GzipReader::~GzipReader() { inflateEnd(&stream_); }

bool GzipReader::fill() {
  const std::string_view more = source_();
  input_.erase(0, begin_);
  begin_ = 0;
  input_ += more;
  return !more.empty();
}

size_t GzipReader::read(std::span<char> room) {
  if (is_done_) return 0;
  // at the end of the input zlib may still hold some output
  const bool at_end = begin_ == input_.size() && !fill();
  stream_.next_in = reinterpret_cast<Bytef*>(input_.data() + begin_);
  stream_.avail_in = static_cast<uInt>(input_.size() - begin_);
  stream_.next_out = reinterpret_cast<Bytef*>(room.data());
  stream_.avail_out = static_cast<uInt>(room.size());
  const int result = inflate(&stream_, Z_NO_FLUSH);
  if (result == Z_MEM_ERROR) throw std::bad_alloc();
  begin_ = input_.size() - stream_.avail_in;
  const size_t got = room.size() - stream_.avail_out;
  inflated_ += static_cast<int64_t>(got);
  if (result == Z_STREAM_END) {
    end_member();
  } else if (at_end && result == Z_BUF_ERROR) {
    throw FormatError(concat("cut gzip: it ends after ", inflated_, " bytes decompressed"));
  } else if (result != Z_OK) {
    throw FormatError(concat("damaged gzip: ", stream_.msg == nullptr ? "no data" : stream_.msg,
                             " after ", inflated_, " bytes decompressed"));
  }
  return got;
}

void GzipReader::end_member() {
  while (input_.size() - begin_ < 2 && fill()) {
  }
  if (is_gzip(std::string_view(input_).substr(begin_))) {
    DDPM_ASSERT(inflateReset(&stream_) == Z_OK);
    return;
  }
  is_done_ = true;
  count_trailing();
}

void GzipReader::count_trailing() {
  int64_t bytes = 0;
  bool are_zeros = true;
  do {
    const std::string_view rest = std::string_view(input_).substr(begin_);
    bytes += std::ssize(rest);
    are_zeros = are_zeros && rest.find_first_not_of('\0') == std::string_view::npos;
    begin_ = input_.size();
  } while (fill());
  if (!are_zeros) trailing_ = bytes;
}

std::string gunzip_if_needed(std::string bytes, int64_t max_bytes, const std::string& who,
                             const GiveUp& give_up) {
  if (!is_gzip(bytes)) return bytes;
  ArchiveBudget budget(who, std::ssize(bytes), ArchiveLimits(), give_up);
  GzipReader reader(pieces_of(bytes));
  std::string result;
  std::string chunk(kChunk, '\0');
  while (!reader.is_done()) {
    budget.check_stop();
    const size_t got = read_some(reader, chunk, who);
    if (std::ssize(result) + static_cast<int64_t>(got) > max_bytes) {
      throw FormatError(concat(who, ": inflates to more than ", max_bytes, " bytes"));
    }
    budget.inflate(static_cast<int64_t>(got));
    result.append(chunk, 0, got);
  }
  if (reader.trailing_bytes() == 0) return result;
  throw FormatError(
      concat(who, ": ", reader.trailing_bytes(), " trailing bytes after the gzip data"));
}

std::string gunzip_start(std::string_view bytes, size_t count) {
  if (!is_gzip(bytes)) return std::string(bytes.substr(0, count));
  GzipReader reader(pieces_of(bytes));
  std::string result;
  try {
    while (!reader.is_done() && result.size() < count) {
      std::string chunk(count - result.size(), '\0');
      result.append(chunk, 0, reader.read(chunk));
    }
  } catch (const FormatError&) {
    // what is intact is enough
  }
  return result;
}

}  // namespace ddpm
