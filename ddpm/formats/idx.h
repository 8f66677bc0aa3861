// IDX files of images, as MNIST and its relatives are published.

#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <vector>

namespace ddpm {

// uint8 images, row-major: [count, height, width].
struct IdxImages {
  int64_t count = 0;
  int64_t height = 0;
  int64_t width = 0;
  std::vector<uint8_t> pixels;
};

bool is_idx(std::span<const std::byte> bytes);  // by its magic number: two zero bytes, type, rank

// What the first bytes of a file promise: its extents, and its bytes in all.
struct IdxShape {
  static constexpr size_t kHeaderBytes = 16;

  int64_t count = 0;
  int64_t height = 0;
  int64_t width = 0;
  int64_t file_bytes = 0;
};

// Reads the header alone, of which at least kHeaderBytes bytes must be there. Throws FormatError
// that starts with `who` unless it is of uint8 images, at least one, of at least one pixel.
IdxShape idx_shape(std::span<const std::byte> start, const std::string& who);

// Throws FormatError that starts with `who` unless this is a whole IDX file of uint8 and rank 3.
IdxImages decode_idx(std::span<const std::byte> bytes, const std::string& who);

}  // namespace ddpm
