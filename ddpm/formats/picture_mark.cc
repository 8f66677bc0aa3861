#include "ddpm/formats/picture_mark.h"

#include <cstdint>
#include <string_view>
#include <utility>

#include "ddpm/base/file.h"

namespace ddpm {

namespace {

constexpr const char* kKey = "ddpm";
constexpr const char* kValue = "picture";
constexpr size_t kSignature = 8;   // bytes before the first chunk
constexpr size_t kChunkHead = 8;   // length and type
constexpr size_t kChunkCheck = 4;  // behind the data

size_t length_at(std::string_view bytes) {
  size_t length = 0;
  for (size_t i = 0; i < 4; ++i) length = length << 8 | static_cast<unsigned char>(bytes[i]);
  return length;
}

}  // namespace

PngText marked(PngText text) {
  text[kKey] = kValue;
  return text;
}

std::string encode_picture(const Image& image, PngText text) {
  return encode_png(image, marked(std::move(text)));
}

bool is_drawn_picture(std::span<const std::byte> bytes) {
  if (!is_png(bytes)) return false;
  const std::string mark = std::string(kKey) + '\0' + kValue;
  std::string_view left = as_text(bytes).substr(kSignature);
  while (left.size() >= kChunkHead) {
    const size_t length = length_at(left);
    const std::string_view type = left.substr(4, 4);
    left.remove_prefix(kChunkHead);
    if (type == "IDAT" || left.size() < length || left.size() - length < kChunkCheck) return false;
    if (type == "tEXt" && left.substr(0, length) == mark) return true;
    left.remove_prefix(length + kChunkCheck);
  }
  return false;
}

}  // namespace ddpm
