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

// Throws FormatError that starts with `who` unless this is a whole IDX file of uint8 and rank 3.
IdxImages decode_idx(std::span<const std::byte> bytes, const std::string& who);

}  // namespace ddpm
