#include "ddpm/formats/tiff.h"

#include <tiffio.h>

#include <algorithm>
#include <array>
#include <cstdarg>
#include <cstdio>
#include <cstring>
#include <memory>
#include <mutex>
#include <string_view>
#include <vector>

#include "ddpm/base/check.h"
#include "ddpm/base/file.h"
#include "ddpm/formats/exif_internal.h"

namespace ddpm {

namespace {

// Codecs whose work is bounded by the pixels. Others, such as LZMA, allocate what their data ask
// for.
constexpr std::array<uint16_t, 10> kCompressions = {
    COMPRESSION_NONE,     COMPRESSION_CCITTRLE, COMPRESSION_CCITTFAX3, COMPRESSION_CCITTFAX4,
    COMPRESSION_LZW,      COMPRESSION_JPEG,     COMPRESSION_DEFLATE,   COMPRESSION_ADOBE_DEFLATE,
    COMPRESSION_PACKBITS, COMPRESSION_ZSTD};

// The file as libtiff sees it, and the first message of an error, or of a warning by which pixels
// are lost.
struct Source {
  std::span<const std::byte> bytes;
  uint64_t place = 0;
  char message[200] = {};
};

void keep_message(thandle_t handle, const char* format, va_list arguments) {
  auto* source = static_cast<Source*>(handle);
  if (source == nullptr || source->message[0] != '\0') return;
  std::vsnprintf(source->message, sizeof(source->message), format, arguments);
}

void on_error(thandle_t handle, const char*, const char* format, va_list arguments) {
  keep_message(handle, format, arguments);
}

// Warnings are about tags, but for libjpeg's and the fax decoder's, which fill gaps with gray.
void on_warning(thandle_t handle, const char* module, const char* format, va_list arguments) {
  const std::string_view name = module == nullptr ? "" : module;
  if (name.starts_with("JPEG") || name.starts_with("Fax")) keep_message(handle, format, arguments);
}

void set_handlers() {
  TIFFSetErrorHandler(nullptr);
  TIFFSetWarningHandler(nullptr);
  TIFFSetErrorHandlerExt(on_error);
  TIFFSetWarningHandlerExt(on_warning);
}

tmsize_t read_bytes(thandle_t handle, void* out, tmsize_t count) {
  auto* source = static_cast<Source*>(handle);
  const uint64_t rest =
      source->place >= source->bytes.size() ? 0 : source->bytes.size() - source->place;
  const auto got = static_cast<size_t>(std::min<uint64_t>(rest, static_cast<uint64_t>(count)));
  if (got > 0) std::memcpy(out, source->bytes.data() + source->place, got);
  source->place += got;
  return static_cast<tmsize_t>(got);
}

tmsize_t write_nothing(thandle_t, void*, tmsize_t) { return 0; }

toff_t seek(thandle_t handle, toff_t offset, int whence) {
  auto* source = static_cast<Source*>(handle);
  if (whence == SEEK_SET) source->place = offset;
  if (whence == SEEK_CUR) source->place += offset;
  if (whence == SEEK_END) source->place = source->bytes.size() + offset;
  return source->place;
}

int close_nothing(thandle_t) { return 0; }

toff_t size_of_file(thandle_t handle) { return static_cast<Source*>(handle)->bytes.size(); }

// What the tags of the first page say.
struct Page {
  uint32_t height = 0;
  uint32_t width = 0;
  uint16_t bits = 1;
  uint16_t samples = 1;  // stored, per pixel
  uint16_t photometric = PHOTOMETRIC_MINISBLACK;
  uint16_t planes = PLANARCONFIG_CONTIG;
  uint16_t format = SAMPLEFORMAT_UINT;
  uint16_t compression = COMPRESSION_NONE;
  uint16_t orientation = 1;
  uint16_t alpha = 0;    // EXTRASAMPLE_ASSOCALPHA, EXTRASAMPLE_UNASSALPHA, or 0: none
  uint16_t colours = 1;  // gray or a palette's index 1, RGB 3
  bool tiled = false;
};

class Decoder {
 public:
  Decoder(std::span<const std::byte> bytes, const std::string& who)
      : source_{bytes}, who_(who), tiff_(nullptr, TIFFClose) {
    static std::once_flag once;
    std::call_once(once, set_handlers);
    // D: tables of strips are loaded when the first is read, after the checks
    tiff_.reset(TIFFClientOpen("page", "rDm", &source_, read_bytes, write_nothing, seek,
                               close_nothing, size_of_file, nullptr, nullptr));
    if (tiff_ == nullptr) fail("no page can be read");
  }

  Image decode() {
    read_tags();
    check_tags();
    const bool direct = is_direct();
    const int64_t channels = direct ? stored_channels() : 4;
    check_decodable(page_.height, page_.width, channels, source_.bytes.size(), who_);
    check_layout();
    check_decodable(page_.height, page_.width, channels, strip_bytes(), who_);
    Image image = direct ? decode_direct() : decode_converted();
    return apply_orientation(std::move(image), page_.orientation);
  }

 private:
  [[noreturn]] void fail(const std::string& why) const {
    throw FormatError(
        concat(who_, ": damaged TIFF file: ", source_.message[0] != '\0' ? source_.message : why));
  }
  template <typename... Parts>
  [[noreturn]] void refuse(const Parts&... parts) const {
    throw FormatError(concat(who_, ": TIFF file: expected ", parts..., "; convert it to PNG"));
  }

  void read_tags() {
    TIFF* tiff = tiff_.get();
    if (TIFFGetField(tiff, TIFFTAG_IMAGELENGTH, &page_.height) == 0 ||
        TIFFGetField(tiff, TIFFTAG_IMAGEWIDTH, &page_.width) == 0) {
      fail("its first page has no size");
    }
    TIFFGetFieldDefaulted(tiff, TIFFTAG_BITSPERSAMPLE, &page_.bits);
    TIFFGetFieldDefaulted(tiff, TIFFTAG_SAMPLESPERPIXEL, &page_.samples);
    TIFFGetFieldDefaulted(tiff, TIFFTAG_PLANARCONFIG, &page_.planes);
    TIFFGetFieldDefaulted(tiff, TIFFTAG_SAMPLEFORMAT, &page_.format);
    TIFFGetFieldDefaulted(tiff, TIFFTAG_COMPRESSION, &page_.compression);
    TIFFGetFieldDefaulted(tiff, TIFFTAG_ORIENTATION, &page_.orientation);
    if (TIFFGetField(tiff, TIFFTAG_PHOTOMETRIC, &page_.photometric) == 0) {
      page_.photometric = page_.samples >= 3 ? PHOTOMETRIC_RGB : PHOTOMETRIC_MINISBLACK;
    }
    page_.colours = page_.photometric == PHOTOMETRIC_RGB ? 3 : 1;
    page_.tiled = TIFFIsTiled(tiff) != 0;
    uint16_t extra = 0;
    uint16_t* kinds = nullptr;
    TIFFGetFieldDefaulted(tiff, TIFFTAG_EXTRASAMPLES, &extra, &kinds);
    if (extra > 0 && kinds != nullptr && kinds[0] != EXTRASAMPLE_UNSPECIFIED) {
      page_.alpha = kinds[0];
    }
  }

  void check_tags() const {
    if (std::find(kCompressions.begin(), kCompressions.end(), page_.compression) ==
        kCompressions.end()) {
      refuse("no compression, CCITT, LZW, JPEG, deflate, PackBits or Zstandard, got compression ",
             page_.compression);
    }
    if (page_.format != SAMPLEFORMAT_UINT && page_.format != SAMPLEFORMAT_VOID) {
      refuse("unsigned samples, got sample format ", page_.format);
    }
    constexpr std::array<uint16_t, 5> kBits = {1, 2, 4, 8, 16};
    if (std::find(kBits.begin(), kBits.end(), page_.bits) == kBits.end()) {
      refuse("1, 2, 4, 8 or 16 bits per sample, got ", page_.bits);
    }
    if (page_.samples < page_.colours + (page_.alpha != 0 ? 1 : 0) || page_.samples > 64) {
      fail(concat("expected a sample for each channel, at most 64, got ", page_.samples));
    }
  }

  // Whether the samples are taken as they are; libtiff converts the others to RGB.
  bool is_direct() const {
    if (page_.photometric == PHOTOMETRIC_PALETTE) return page_.bits <= 8 && page_.samples == 1;
    if (page_.bits < 8 && (page_.colours > 1 || page_.samples > 1)) return false;
    return page_.photometric == PHOTOMETRIC_MINISBLACK ||
           page_.photometric == PHOTOMETRIC_MINISWHITE || page_.photometric == PHOTOMETRIC_RGB;
  }

  int64_t stored_channels() const {
    if (page_.photometric == PHOTOMETRIC_PALETTE) return 3;
    return page_.colours + (page_.alpha != 0 ? 1 : 0);
  }

  // A tile, a strip's row and the tables of both must be in proportion to the image and the file.
  void check_layout() const {
    int64_t chunks = 0;
    if (page_.tiled) {
      uint32_t tile_width = 0;
      uint32_t tile_height = 0;
      TIFFGetField(tiff_.get(), TIFFTAG_TILEWIDTH, &tile_width);
      TIFFGetField(tiff_.get(), TIFFTAG_TILELENGTH, &tile_height);
      if (tile_width == 0 || tile_height == 0) fail("tiles without a size");
      const int64_t down = (int64_t{page_.height} + tile_height - 1) / tile_height;
      const int64_t across = (int64_t{page_.width} + tile_width - 1) / tile_width;
      check_decodable(down * tile_height, across * tile_width, page_.samples, source_.bytes.size(),
                      who_);
      chunks = TIFFNumberOfTiles(tiff_.get());
    } else {
      check_decodable(page_.height, page_.width, page_.samples, source_.bytes.size(), who_);
      chunks = TIFFNumberOfStrips(tiff_.get());
    }
    // the table of offsets alone has 2 bytes for each
    if (chunks > static_cast<int64_t>(source_.bytes.size())) fail("more strips than its bytes");
  }

  // The bytes of all strips or tiles, as their table has them; no more than the file.
  size_t strip_bytes() const {
    const uint32_t count =
        page_.tiled ? TIFFNumberOfTiles(tiff_.get()) : TIFFNumberOfStrips(tiff_.get());
    const uint64_t file_bytes = source_.bytes.size();
    uint64_t sum = 0;
    for (uint32_t i = 0; i < count && sum < file_bytes; ++i) {
      sum += std::min(TIFFGetStrileByteCount(tiff_.get(), i), file_bytes);
    }
    return static_cast<size_t>(std::min(sum, file_bytes));
  }

  void check_no_loss(bool read) const {
    if (!read || source_.message[0] != '\0') fail("its pixels end too early");
  }

  Image decode_direct() {
    const int64_t channels = page_.photometric == PHOTOMETRIC_PALETTE ? 1 : stored_channels();
    Image image{page_.height, page_.width, channels, page_.bits == 16 ? 16 : 8, {}};
    image.samples.resize(static_cast<size_t>(image.height * image.width * channels));
    const bool separate = page_.planes == PLANARCONFIG_SEPARATE && page_.samples > 1;
    const int64_t planes = separate ? channels : 1;
    for (int64_t plane = 0; plane < planes; ++plane) {
      page_.tiled ? read_tiles(image, plane, separate) : read_lines(image, plane, separate);
    }
    if (page_.photometric == PHOTOMETRIC_PALETTE) return with_palette(image);
    finish_samples(image);
    return image;
  }

  void read_lines(Image& image, int64_t plane, bool separate) {
    std::vector<std::byte> line(
        static_cast<size_t>(std::max<tmsize_t>(TIFFScanlineSize(tiff_.get()), 1)));
    for (uint32_t y = 0; y < page_.height; ++y) {
      check_no_loss(TIFFReadScanline(tiff_.get(), line.data(), y, static_cast<uint16_t>(plane)) ==
                    1);
      take_row(image, line.data(), line.size(), y, 0, page_.width, plane, separate);
    }
  }

  void read_tiles(Image& image, int64_t plane, bool separate) {
    uint32_t tile_width = 0;
    uint32_t tile_height = 0;
    TIFFGetField(tiff_.get(), TIFFTAG_TILEWIDTH, &tile_width);
    TIFFGetField(tiff_.get(), TIFFTAG_TILELENGTH, &tile_height);
    std::vector<std::byte> tile(
        static_cast<size_t>(std::max<tmsize_t>(TIFFTileSize(tiff_.get()), 1)));
    const auto row_bytes = static_cast<size_t>(TIFFTileRowSize(tiff_.get()));
    for (uint32_t top = 0; top < page_.height; top += tile_height) {
      for (uint32_t left = 0; left < page_.width; left += tile_width) {
        check_no_loss(TIFFReadTile(tiff_.get(), tile.data(), left, top, 0,
                                   static_cast<uint16_t>(plane)) >= 0);
        const uint32_t rows = std::min(tile_height, page_.height - top);
        const uint32_t columns = std::min(tile_width, page_.width - left);
        for (uint32_t y = 0; y < rows; ++y) {
          take_row(image, tile.data() + y * row_bytes, row_bytes, top + y, left, columns, plane,
                   separate);
        }
      }
    }
  }

  // Spreads one row of stored samples, of which the first channels are taken.
  void take_row(Image& image, const std::byte* row, size_t row_bytes, int64_t y, int64_t left,
                int64_t columns, int64_t plane, bool separate) const {
    const int64_t stored = separate ? 1 : page_.samples;
    const int64_t taken = separate ? 1 : image.channels;
    const size_t bits = page_.bits;
    if (row_bytes < static_cast<size_t>(columns * stored) * bits / 8) fail("rows are too short");
    for (int64_t x = 0; x < columns; ++x) {
      for (int64_t c = 0; c < taken; ++c) {
        const auto index = static_cast<size_t>(x * stored + c);
        uint16_t sample = 0;
        if (bits == 16) {
          std::memcpy(&sample, row + 2 * index, 2);
        } else {
          const auto byte = std::to_integer<uint32_t>(row[index * bits / 8]);
          sample =
              static_cast<uint16_t>(byte >> (8 - bits - index * bits % 8) & ((1U << bits) - 1));
        }
        image.at(y, left + x, separate ? plane : c) = sample;
      }
    }
  }

  // To the range of the image's bits, black as 0, and colours as they are without their alpha.
  void finish_samples(Image& image) const {
    const auto max = static_cast<uint32_t>(image.bits == 16 ? 65535 : 255);
    const uint32_t factor = page_.bits < 8 ? max / ((1U << page_.bits) - 1) : 1;
    const auto channels = static_cast<size_t>(image.channels);
    const bool white_is_0 = page_.photometric == PHOTOMETRIC_MINISWHITE;
    for (size_t i = 0; i < image.samples.size(); i += channels) {
      for (size_t c = 0; c < page_.colours; ++c) {
        uint32_t sample = image.samples[i + c] * factor;
        if (white_is_0) sample = max - sample;
        const uint32_t alpha = page_.alpha != 0 ? image.samples[i + channels - 1] : 0;
        if (page_.alpha == EXTRASAMPLE_ASSOCALPHA && alpha > 0) {
          sample = static_cast<uint32_t>(
              std::min<uint64_t>(max, (uint64_t{sample} * max + alpha / 2) / alpha));
        }
        image.samples[i + c] = static_cast<uint16_t>(sample);
      }
    }
  }

  Image with_palette(const Image& indices) const {
    std::array<uint16_t*, 3> map{};
    if (TIFFGetField(tiff_.get(), TIFFTAG_COLORMAP, &map[0], &map[1], &map[2]) == 0) {
      fail("a palette without colours");
    }
    const size_t count = size_t{1} << page_.bits;
    // some writers leave 8 bits where 16 are defined
    const bool bytes = std::all_of(map.begin(), map.end(), [count](const uint16_t* colours) {
      return std::all_of(colours, colours + count, [](uint16_t value) { return value < 256; });
    });
    Image image{indices.height, indices.width, 3, 8, {}};
    image.samples.reserve(indices.samples.size() * 3);
    for (const uint16_t index : indices.samples) {
      for (const uint16_t* colours : map) {
        image.samples.push_back(
            static_cast<uint16_t>(bytes ? colours[index] : colours[index] >> 8));
      }
    }
    return image;
  }

  // libtiff's conversion to RGBA, of which the alpha is left out: CMYK and YCbCr have none.
  Image decode_converted() {
    const auto pixels = static_cast<size_t>(page_.height) * page_.width;
    std::vector<uint32_t> raster(pixels);
    char message[1024] = {};
    TIFFRGBAImage converter;
    if (TIFFRGBAImageBegin(&converter, tiff_.get(), 1, message) == 0) fail(message);
    converter.req_orientation = converter.orientation;  // rows as they are stored
    const bool read = TIFFRGBAImageGet(&converter, raster.data(), page_.width, page_.height) == 1;
    TIFFRGBAImageEnd(&converter);
    check_no_loss(read);
    Image image{page_.height, page_.width, 3, 8, {}};
    image.samples.reserve(pixels * 3);
    for (const uint32_t pixel : raster) {
      image.samples.push_back(static_cast<uint16_t>(TIFFGetR(pixel)));
      image.samples.push_back(static_cast<uint16_t>(TIFFGetG(pixel)));
      image.samples.push_back(static_cast<uint16_t>(TIFFGetB(pixel)));
    }
    return image;
  }

  Source source_;
  const std::string& who_;
  std::unique_ptr<TIFF, void (*)(TIFF*)> tiff_;
  Page page_;
};

}  // namespace

bool is_tiff(std::span<const std::byte> bytes) {
  using namespace std::string_view_literals;
  const std::string_view text = as_text(bytes);
  return text.starts_with("II*\0"sv) || text.starts_with("MM\0*"sv) ||
         text.starts_with("II+\0"sv) || text.starts_with("MM\0+"sv);
}

Image decode_tiff(std::span<const std::byte> bytes, const std::string& who) {
  if (!is_tiff(bytes)) throw FormatError(concat(who, ": not a TIFF file"));
  return Decoder(bytes, who).decode();
}

}  // namespace ddpm
