// The bytes of a file one after the other, decompressed if they are compressed. The check sums of
// the compressed data are compared when the stream is read to its end.

#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>

#include "ddpm/base/input_file.h"
#include "ddpm/formats/archive_internal.h"

namespace ddpm {

class ByteStream {
 public:
  // Knows gzip, bzip2, xz and zstd by their first bytes. Both arguments outlive the stream.
  ByteStream(const InputFile& file, ArchiveBudget& budget);
  ~ByteStream();
  ByteStream(const ByteStream&) = delete;
  ByteStream& operator=(const ByteStream&) = delete;

  // The next `count` bytes, which stay in the stream; fewer only at its end.
  std::string_view peek(size_t count);
  // The next bytes, at most `max`; none only at the end. Valid until the next call.
  std::string_view take(size_t max);
  // Passes over `count` bytes; false if the stream ends before.
  bool skip(int64_t count);

  int64_t position() const { return position_; }  // in the decompressed bytes

  // At the end: bytes of the file behind its compressed data, which were not read.
  int64_t trailing_bytes() const;

  struct Input;  // where the bytes come from

 private:
  bool fill();  // false at the end

  std::unique_ptr<Input> input_;
  std::string buffer_;  // of which `begin_` bytes were taken
  size_t begin_ = 0;
  int64_t position_ = 0;
};

// The bytes of one zip entry, which were compressed by a method that libarchive has as a filter.
// Calls `take` with each part. Throws FormatError with a bare reason.
void decompress_filtered(std::string_view bytes, const std::string& prefix,
                         const std::function<void(std::string_view part)>& take);

}  // namespace ddpm
