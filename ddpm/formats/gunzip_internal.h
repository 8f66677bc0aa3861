// gzip (RFC 1952), one member or several, decompressed piece by piece.

#pragma once

#include <zlib.h>

#include <cstddef>
#include <cstdint>
#include <functional>
#include <span>
#include <string>
#include <string_view>

namespace ddpm {

bool is_gzip(std::string_view bytes);  // by the first two

class GzipReader {
 public:
  // Returns the next compressed bytes, none only at the end; they are copied.
  using Source = std::function<std::string_view()>;

  explicit GzipReader(Source source);
  ~GzipReader();
  GzipReader(const GzipReader&) = delete;
  GzipReader& operator=(const GzipReader&) = delete;

  // Decompresses up to `room.size()` bytes; 0 also between two members. At the end of each member
  // its CRC-32 and its length are compared. Throws FormatError with a bare reason for data that are
  // damaged or cut.
  size_t read(std::span<char> room);

  bool is_done() const { return is_done_; }  // there is no other member
  // Compressed bytes behind the last member that are neither a member nor zeros that fill a block.
  int64_t trailing_bytes() const { return trailing_; }

 private:
  bool fill();  // false at the end of the source
  void end_member();
  void count_trailing();

  Source source_;
  std::string input_;  // of which `begin_` bytes are decompressed
  size_t begin_ = 0;
  z_stream stream_{};
  int64_t inflated_ = 0;
  bool is_done_ = false;
  int64_t trailing_ = 0;
};

}  // namespace ddpm
