#include "ddpm/formats/bmp.h"

#include <algorithm>
#include <bit>
#include <limits>

#include "ddpm/base/check.h"
#include "ddpm/formats/indexed_internal.h"

namespace ddpm {

namespace {

constexpr size_t kFileHeader = 14;  // "BM", size, reserved, offset of the pixels
constexpr uint32_t kCoreHeader = 12;
constexpr std::array<uint32_t, 7> kInfoHeaders = {kCoreHeader, 40, 52, 56, 64, 108, 124};
constexpr size_t kMasks = 40;  // where they begin, from the start of the info header

enum Compression : uint32_t {
  kNone = 0,
  kRle8 = 1,
  kRle4 = 2,
  kBitFields = 3,
  kAlphaBitFields = 6
};

// One channel of pixels of 16 or 32 bits: a run of ones, or nothing.
struct Mask {
  uint32_t bits = 0;
  int shift = 0;
  uint64_t max = 0;

  Mask() = default;
  explicit Mask(uint32_t ones)
      : bits(ones),
        shift(ones == 0 ? 0 : std::countr_zero(ones)),
        max(ones == 0 ? 0 : ones >> shift) {}

  uint16_t of(uint32_t pixel) const {
    const uint64_t value = (pixel & bits) >> shift;
    return static_cast<uint16_t>(max == 255 ? value : (value * 255 + max / 2) / max);
  }
};

struct Header {
  int64_t height = 0;
  int64_t width = 0;
  bool from_top = false;
  uint32_t bits = 0;  // per pixel
  uint32_t compression = kNone;
  std::array<Mask, 4> masks;
  std::vector<Colour> palette;
  size_t offset = 0;  // of the pixels
};

class Decoder {
 public:
  Decoder(std::span<const std::byte> bytes, const std::string& who) : bytes_(bytes), who_(who) {}

  Image decode() {
    read_header();
    const bool indexed = header_.bits <= 8;
    const int64_t channels = !indexed && header_.masks[3].bits != 0 ? 4 : 3;
    const bool runs = header_.compression == kRle8 || header_.compression == kRle4;
    // of run lengths it is known only behind the last pixel how many bytes there are
    const size_t most = bytes_.size() - std::min<size_t>(bytes_.size(), header_.offset);
    check_decodable(header_.height, header_.width, runs ? 1 : channels, most, who_);
    if (!indexed) return direct(channels);
    size_t run_bytes = most;
    const std::vector<uint8_t> indices = runs ? run_lengths(run_bytes) : packed();
    check_decodable(header_.height, header_.width, channels, run_bytes, who_);
    return image_of_indices(header_.height, header_.width, indices, header_.palette, who_);
  }

 private:
  template <typename... Parts>
  [[noreturn]] void fail(const Parts&... parts) const {
    throw FormatError(concat(who_, ": damaged BMP file: ", parts...));
  }
  template <typename... Parts>
  [[noreturn]] void refuse(const Parts&... parts) const {
    throw FormatError(concat(who_, ": BMP file: expected ", parts..., "; convert it to PNG"));
  }

  uint32_t byte_at(size_t place) const {
    if (place >= bytes_.size()) fail("the file ends too early: truncated");
    return std::to_integer<uint32_t>(bytes_[place]);
  }
  uint32_t word_at(size_t place) const { return byte_at(place) | byte_at(place + 1) << 8; }
  uint32_t dword_at(size_t place) const { return word_at(place) | word_at(place + 2) << 16; }

  void read_header() {
    const size_t info = kFileHeader;
    const uint32_t size = dword_at(info);
    if (std::find(kInfoHeaders.begin(), kInfoHeaders.end(), size) == kInfoHeaders.end()) {
      fail("expected an info header of 12, 40, 52, 56, 64, 108 or 124 bytes, got ", size);
    }
    header_.offset = dword_at(10);
    uint32_t colours = 0;
    if (size == kCoreHeader) {
      header_.width = word_at(info + 4);
      header_.height = word_at(info + 6);
      header_.bits = word_at(info + 10);
    } else {
      header_.width = static_cast<int32_t>(dword_at(info + 4));
      const auto height = static_cast<int32_t>(dword_at(info + 8));
      header_.from_top = height < 0;
      header_.height = std::abs(int64_t{height});
      header_.bits = word_at(info + 14);
      header_.compression = dword_at(info + 16);
      colours = dword_at(info + 32);
    }
    check_kind(size);
    size_t end = info + size;
    if (header_.bits > 8) {
      end = read_masks(info, size);
    } else {
      end = read_palette(end, colours, size == kCoreHeader ? 3 : 4);
    }
    if (header_.offset < end && header_.bits > 8) header_.offset = end;
    if (header_.offset == 0) header_.offset = end;
  }

  void check_kind(uint32_t size) const {
    constexpr std::array<uint32_t, 7> kBits = {1, 2, 4, 8, 16, 24, 32};
    const uint32_t bits = header_.bits;
    if (std::find(kBits.begin(), kBits.end(), bits) == kBits.end()) {
      fail("expected 1, 2, 4, 8, 16, 24 or 32 bits per pixel, got ", bits);
    }
    const uint32_t kind = header_.compression;
    const bool wide = bits == 16 || bits == 32;
    const bool known = kind == kNone || (kind == kRle8 && bits == 8) ||
                       (kind == kRle4 && bits == 4) || (kind == kBitFields && wide && size != 64) ||
                       (kind == kAlphaBitFields && wide);
    if (!known) {
      refuse("no compression, RLE4, RLE8 or bit masks, got compression ", kind, " at ", bits,
             " bits per pixel");
    }
    if (header_.from_top && (kind == kRle8 || kind == kRle4)) fail("run lengths from the top");
  }

  // Returns where they end.
  size_t read_masks(size_t info, uint32_t size) {
    size_t end = info + size;
    if (header_.compression == kNone) {
      if (header_.bits == 16) header_.masks = {Mask(0x7c00), Mask(0x3e0), Mask(0x1f), Mask()};
      if (header_.bits != 16) header_.masks = {Mask(0xff0000), Mask(0xff00), Mask(0xff), Mask()};
      return end;
    }
    const size_t count = size >= 56 || header_.compression == kAlphaBitFields ? 4 : 3;
    for (size_t i = 0; i < count; ++i) header_.masks[i] = Mask(dword_at(info + kMasks + 4 * i));
    for (size_t i = 0; i < 4; ++i) {
      const Mask& mask = header_.masks[i];
      if ((mask.max & (mask.max + 1)) != 0 || (mask.bits == 0 && i < 3)) {
        fail("expected bit masks that are each a run of ones, got ", mask.bits);
      }
    }
    return std::max(end, info + kMasks + 4 * count);
  }

  // Returns where it ends. Pixels may begin before: the palette is then shorter than declared.
  size_t read_palette(size_t begin, uint32_t colours, size_t entry_bytes) {
    const uint32_t most = 1U << header_.bits;
    size_t count = colours == 0 || colours > most ? most : colours;
    if (header_.offset > begin) count = std::min(count, (header_.offset - begin) / entry_bytes);
    for (size_t i = 0; i < count; ++i) {
      const size_t at = begin + i * entry_bytes;
      header_.palette.push_back({static_cast<uint8_t>(byte_at(at + 2)),
                                 static_cast<uint8_t>(byte_at(at + 1)),
                                 static_cast<uint8_t>(byte_at(at)), uint8_t{255}});
    }
    return begin + count * entry_bytes;
  }

  // Where row y, counted from the top, begins. The padding of the last row may be missing.
  size_t row_at(int64_t y) const {
    const int64_t row = header_.from_top ? y : header_.height - 1 - y;
    const int64_t stride = (header_.width * header_.bits + 31) / 32 * 4;
    return header_.offset + static_cast<size_t>(row * stride);
  }

  void check_rows() const {
    const size_t last = row_at(header_.from_top ? header_.height - 1 : 0);
    const size_t needed = last + static_cast<size_t>(header_.width * header_.bits + 7) / 8;
    if (bytes_.size() < needed) {
      fail("expected ", needed, " bytes, got ", bytes_.size(), ": truncated");
    }
  }

  Image direct(int64_t channels) const {
    check_rows();
    Image image{header_.height, header_.width, channels, 8, {}};
    image.samples.reserve(static_cast<size_t>(image.height * image.width * channels));
    const size_t pixel_bytes = header_.bits / 8;
    uint32_t alpha = 0;
    for (int64_t y = 0; y < image.height; ++y) {
      size_t place = row_at(y);
      for (int64_t x = 0; x < image.width; ++x, place += pixel_bytes) {
        uint32_t pixel = 0;
        for (size_t i = 0; i < pixel_bytes; ++i) {
          pixel |= std::to_integer<uint32_t>(bytes_[place + i]) << (8 * i);
        }
        for (size_t c = 0; c < static_cast<size_t>(channels); ++c) {
          image.samples.push_back(header_.masks[c].of(pixel));
        }
        alpha |= pixel & header_.masks[3].bits;
      }
    }
    if (channels == 4 && alpha == 0) drop_alpha(image);  // a mask that nobody filled
    return image;
  }

  static void drop_alpha(Image& image) {
    auto to = image.samples.begin();
    for (size_t i = 0; i < image.samples.size(); i += 4) {
      to = std::copy_n(image.samples.begin() + static_cast<std::ptrdiff_t>(i), 3, to);
    }
    image.samples.erase(to, image.samples.end());
    image.channels = 3;
  }

  std::vector<uint8_t> packed() const {
    check_rows();
    std::vector<uint8_t> indices;
    indices.reserve(static_cast<size_t>(header_.height * header_.width));
    const uint32_t bits = header_.bits;
    for (int64_t y = 0; y < header_.height; ++y) {
      const size_t row = row_at(y);
      for (int64_t x = 0; x < header_.width; ++x) {
        const auto place = static_cast<size_t>(x * bits);
        const auto byte = std::to_integer<uint32_t>(bytes_[row + place / 8]);
        const uint32_t shift = 8 - bits - static_cast<uint32_t>(place % 8);
        indices.push_back(static_cast<uint8_t>(byte >> shift & ((1U << bits) - 1)));
      }
    }
    return indices;
  }

  // Pairs of a count and a value, or 0 and an escape: 0 ends a row, 1 the image, 2 moves, others
  // are as many values one by one. Pixels that are passed over have index 0. Each pair takes at
  // least two bytes and each value writes one pixel, so the file and the image bound the work.
  // `used` becomes the number of bytes up to the last pixel.
  std::vector<uint8_t> run_lengths(size_t& used) const {
    std::vector<uint8_t> indices(static_cast<size_t>(header_.height * header_.width));
    const bool nibbles = header_.compression == kRle4;
    int64_t x = 0;
    int64_t y = 0;  // from the bottom
    const auto put = [&](int64_t count, const auto& value_of) {
      if (y >= header_.height) fail("a run above the last row");
      const int64_t fitting = std::min(count, std::max<int64_t>(0, header_.width - x));
      for (int64_t i = 0; i < fitting; ++i) {
        indices[static_cast<size_t>((header_.height - 1 - y) * header_.width + x++)] =
            static_cast<uint8_t>(value_of(static_cast<uint32_t>(i)));
      }
    };
    const auto nibble = [](uint32_t byte, uint32_t i) {
      return i % 2 == 0 ? byte >> 4 : byte & 15;
    };
    size_t at = header_.offset;
    while (true) {
      const bool full = y >= header_.height || (y == header_.height - 1 && x == header_.width);
      if (!full) used = at - header_.offset;
      if (full && at + 1 >= bytes_.size()) return indices;  // the end's mark alone is missing
      const uint32_t count = byte_at(at);
      const uint32_t value = byte_at(at + 1);
      at += 2;
      if (count > 0) {
        put(count, [&](uint32_t i) { return nibbles ? nibble(value, i) : value; });
      } else if (value == 0) {
        x = 0;
        ++y;
      } else if (value == 1) {
        return indices;
      } else if (value == 2) {
        x += byte_at(at);
        y += byte_at(at + 1);
        at += 2;
      } else {
        put(value,
            [&](uint32_t i) { return nibbles ? nibble(byte_at(at + i / 2), i) : byte_at(at + i); });
        at += ((nibbles ? (value + 1) / 2 : value) + 1) / 2 * 2;
      }
    }
  }

  std::span<const std::byte> bytes_;
  const std::string& who_;
  Header header_;
};

}  // namespace

bool is_bmp(std::span<const std::byte> bytes) {
  const auto zero = [&](size_t i) { return bytes[i] == std::byte{0}; };
  return bytes.size() >= kFileHeader + 4 && bytes[0] == std::byte{'B'} &&
         bytes[1] == std::byte{'M'} && bytes[15] == std::byte{0} && zero(16) && zero(17);
}

Image decode_bmp(std::span<const std::byte> bytes, const std::string& who) {
  if (!is_bmp(bytes)) throw FormatError(concat(who, ": not a BMP file"));
  return Decoder(bytes, who).decode();
}

}  // namespace ddpm
