#include "ddpm/formats/png.h"

#include <png.h>
#include <zlib.h>

#include <algorithm>
#include <array>
#include <csetjmp>
#include <cstring>
#include <string_view>
#include <vector>

#include "ddpm/base/check.h"
#include "ddpm/formats/exif_internal.h"

namespace ddpm {

namespace {

constexpr size_t kSignatureBytes = 8;
constexpr size_t kChunkFrameBytes = 12;  // length, type and check sum around a chunk's data
constexpr png_alloc_size_t kMaxChunkBytes = 1'000'000;  // of one text, inflated
constexpr png_uint_32 kMaxTexts = 64;
constexpr size_t kMaxExifBytes = 65'536;  // as in a JPEG file
constexpr int kCompressionLevel = 6;  // 9 is twice as slow and saves 1 % on samples of a network

// Which chunks are read beside those that hold pixels; the others are passed over.
enum class Extras { kOrientation, kText };

// libpng's state for one file; its error handler leaves the message here and jumps back.
struct Reader {
  png_structp png = nullptr;
  png_infop info = nullptr;
  std::span<const std::byte> rest;
  size_t chunk_rest = 0;  // bytes of the current chunk, with its frame, that are still unread
  Extras extras;
  char message[128] = {};

  explicit Reader(Extras extras);
  ~Reader() { png_destroy_read_struct(&png, &info, nullptr); }
  Reader(const Reader&) = delete;
  Reader& operator=(const Reader&) = delete;
};

void take_error(png_structp png, png_const_charp message) {
  auto* text = static_cast<char*>(png_get_error_ptr(png));
  std::strncpy(text, message, 127);
  png_longjmp(png, 1);
}

// What libpng warns of is harmless but for one thing: it drops the transparency of a damaged tRNS.
void take_warning(png_structp png, png_const_charp message) {
  if (std::string_view(message).starts_with("tRNS")) png_error(png, message);
}

void ignore_warning(png_structp, png_const_charp) {}

// A chunk: its type, and length, type, data and check sum together.
struct Chunk {
  std::string_view type;
  std::span<const std::byte> bytes;

  size_t length() const { return bytes.size() - kChunkFrameBytes; }
  bool is_critical() const { return (type[0] & 0x20) == 0; }
  bool is_whole() const {
    const auto* data = reinterpret_cast<const Bytef*>(bytes.data());
    return crc32(0, data + 4, static_cast<uInt>(length() + 4)) ==
           png_get_uint_32(data + length() + 8);
  }
};

// The chunk that begins here, which check_chunks found to lie within the file.
Chunk first_chunk(std::span<const std::byte> rest) {
  const auto* at = reinterpret_cast<png_const_bytep>(rest.data());
  return {{reinterpret_cast<const char*>(at) + 4, 4},
          rest.subspan(0, kChunkFrameBytes + png_get_uint_32(at))};
}

// Pixels come from critical chunks and tRNS. A palette beside pixels that do not use it is only a
// suggestion, and tRNS beside an alpha channel is without meaning.
bool is_read(const Reader& reader, const Chunk& chunk) {
  const int colour = png_get_color_type(reader.png, reader.info);
  if (chunk.type == "PLTE") return colour == PNG_COLOR_TYPE_PALETTE;
  if (chunk.type == "tRNS") return (colour & PNG_COLOR_MASK_ALPHA) == 0;
  if (chunk.is_critical()) return true;
  if (reader.extras == Extras::kOrientation) {
    return chunk.type == "eXIf" && chunk.length() <= kMaxExifBytes && chunk.is_whole();
  }
  const bool text = chunk.type == "tEXt" || chunk.type == "zTXt" || chunk.type == "iTXt";
  return text && chunk.length() <= kMaxChunkBytes && chunk.is_whole();
}

void read_bytes(png_structp png, png_bytep out, size_t count) {
  auto* reader = static_cast<Reader*>(png_get_io_ptr(png));
  while (reader->chunk_rest == 0 && !reader->rest.empty()) {
    const Chunk chunk = first_chunk(reader->rest);
    if (is_read(*reader, chunk)) {
      reader->chunk_rest = chunk.bytes.size();
    } else {
      reader->rest = reader->rest.subspan(chunk.bytes.size());
    }
  }
  if (reader->chunk_rest < count) png_error(png, "the file ends too early");
  std::memcpy(out, reader->rest.data(), count);
  reader->rest = reader->rest.subspan(count);
  reader->chunk_rest -= count;
}

Reader::Reader(Extras wanted) : extras(wanted) {
  png = png_create_read_struct(PNG_LIBPNG_VER_STRING, message, take_error, take_warning);
  info = png != nullptr ? png_create_info_struct(png) : nullptr;
  if (info == nullptr) throw std::bad_alloc();
  png_set_read_fn(png, this, read_bytes);
  png_set_user_limits(png, 1'000'000, 1'000'000);
  png_set_chunk_malloc_max(png, kMaxChunkBytes);
  png_set_chunk_cache_max(png, kMaxTexts);
  png_set_crc_action(png, PNG_CRC_ERROR_QUIT, PNG_CRC_ERROR_QUIT);  // of tRNS, too
  png_set_sig_bytes(png, kSignatureBytes);
}

// The functions that call libpng hold nothing with a destructor: an error jumps out of them. Each
// returns false after an error.

bool read_header(Reader& reader) {
  if (setjmp(png_jmpbuf(reader.png))) return false;
  png_read_info(reader.png, reader.info);
  return true;
}

// Palettes stay indices, a byte each; few bits of gray become 8, tRNS alpha.
bool start_pixels(Reader& reader, int& passes) {
  if (setjmp(png_jmpbuf(reader.png))) return false;
  if (png_get_color_type(reader.png, reader.info) == PNG_COLOR_TYPE_PALETTE) {
    png_set_packing(reader.png);
  } else {
    png_set_expand(reader.png);
  }
  if (png_get_bit_depth(reader.png, reader.info) == 16) png_set_swap(reader.png);
  passes = png_set_interlace_handling(reader.png);
  png_read_update_info(reader.png, reader.info);
  return true;
}

bool read_pixels(Reader& reader, int passes, png_bytep pixels, size_t row_bytes) {
  if (setjmp(png_jmpbuf(reader.png))) return false;
  const png_uint_32 height = png_get_image_height(reader.png, reader.info);
  for (int pass = 0; pass < passes; ++pass) {
    for (png_uint_32 y = 0; y < height; ++y) {
      png_read_row(reader.png, pixels + y * row_bytes, nullptr);
    }
  }
  png_read_end(reader.png, reader.info);
  return true;
}

[[noreturn]] void fail(const std::string& who, const std::string& why) {
  throw FormatError(concat(who, ": damaged PNG file: ", why));
}

// Every chunk must lie within the file: libpng makes room for a chunk of two gigabytes before it
// looks for its bytes. Returns how many bytes hold pixels.
size_t check_chunks(std::span<const std::byte> bytes, const std::string& who) {
  if (!is_png(bytes)) throw FormatError(concat(who, ": not a PNG file"));
  auto rest = bytes.subspan(kSignatureBytes);
  size_t pixel_bytes = 0;
  std::string_view type;
  while (type != "IEND") {
    if (rest.size() < kChunkFrameBytes) fail(who, "the file ends too early");
    const auto* at = reinterpret_cast<png_const_bytep>(rest.data());
    const size_t length = png_get_uint_32(at);
    if (length > rest.size() - kChunkFrameBytes) fail(who, "the file ends within a chunk");
    type = {reinterpret_cast<const char*>(at) + 4, 4};
    if (type == "IDAT") pixel_bytes += length;
    rest = rest.subspan(kChunkFrameBytes + length);
  }
  return pixel_bytes;
}

struct Palette {
  std::vector<std::array<uint8_t, 4>> colours;
  int64_t channels = 0;  // 3, or 4 with transparency; 0: the pixels are no indices
};

Palette palette_of(const Reader& reader) {
  Palette palette;
  png_colorp colours = nullptr;
  png_bytep alpha = nullptr;
  int count = 0;
  int alpha_count = 0;
  if (png_get_color_type(reader.png, reader.info) != PNG_COLOR_TYPE_PALETTE) return palette;
  png_get_PLTE(reader.png, reader.info, &colours, &count);
  png_get_tRNS(reader.png, reader.info, &alpha, &alpha_count, nullptr);
  for (int i = 0; i < count; ++i) {
    palette.colours.push_back({colours[i].red, colours[i].green, colours[i].blue,
                               i < alpha_count ? alpha[i] : uint8_t{255}});
  }
  palette.channels = alpha_count > 0 ? 4 : 3;
  return palette;
}

// Bytes are read into the end of the samples' own memory, and spread from there: what a sample is
// written over was spread before.
void spread(const Palette& palette, const png_byte* pixels, Image& image, const std::string& who) {
  if (palette.channels == 0) {
    for (size_t i = 0; i < image.samples.size(); ++i) image.samples[i] = pixels[i];
    return;
  }
  uint16_t* to = image.samples.data();
  for (int64_t i = 0; i < image.height * image.width; ++i) {
    const size_t index = pixels[i];
    if (index >= palette.colours.size()) {
      fail(who, concat("expected indices below ", palette.colours.size(),
                       ", the colours of the palette, got ", index));
    }
    to = std::copy_n(palette.colours[index].begin(), palette.channels, to);
  }
}

// The whole file is read, chunks behind the pixels too.
Image read_all(Reader& reader, std::span<const std::byte> bytes, const std::string& who) {
  const size_t pixel_bytes = check_chunks(bytes, who);
  reader.rest = bytes.subspan(kSignatureBytes);
  if (!read_header(reader)) fail(who, reader.message);
  const Palette palette = palette_of(reader);
  Image image;
  image.height = png_get_image_height(reader.png, reader.info);
  image.width = png_get_image_width(reader.png, reader.info);
  int passes = 1;
  if (!start_pixels(reader, passes)) fail(who, reader.message);
  image.bits = png_get_bit_depth(reader.png, reader.info);
  image.channels =
      palette.channels > 0 ? palette.channels : png_get_channels(reader.png, reader.info);
  check_decodable(image.height, image.width, image.channels, pixel_bytes, who);
  image.samples.resize(static_cast<size_t>(image.height * image.width * image.channels));
  const size_t row_bytes = png_get_rowbytes(reader.png, reader.info);
  auto* end = reinterpret_cast<png_bytep>(image.samples.data() + image.samples.size());
  png_bytep pixels = end - row_bytes * static_cast<size_t>(image.height);
  if (!read_pixels(reader, passes, pixels, row_bytes)) fail(who, reader.message);
  if (image.bits == 8) spread(palette, pixels, image, who);
  return image;
}

// The file up to its pixels, and of these an empty chunk, behind which nothing is read.
std::string head_of(std::span<const std::byte> bytes, const std::string& who) {
  if (!is_png(bytes)) throw FormatError(concat(who, ": not a PNG file"));
  auto rest = bytes.subspan(kSignatureBytes);
  while (rest.size() >= kChunkFrameBytes) {
    const auto* at = reinterpret_cast<png_const_bytep>(rest.data());
    if (std::memcmp(at + 4, "IDAT", 4) == 0) {
      const std::string_view head(reinterpret_cast<const char*>(bytes.data()),
                                  bytes.size() - rest.size());
      return std::string(head) + std::string("\0\0\0\0IDAT\x35\xaf\x06\x1e", kChunkFrameBytes);
    }
    const size_t length = png_get_uint_32(at);
    if (length > rest.size() - kChunkFrameBytes) break;
    rest = rest.subspan(kChunkFrameBytes + length);
  }
  fail(who, "the file ends before its pixels");
}

PngText text_in(const Reader& reader) {
  png_textp chunks = nullptr;
  const int count = png_get_text(reader.png, reader.info, &chunks, nullptr);
  PngText text;
  for (int i = 0; i < count; ++i) text[chunks[i].key] = chunks[i].text;
  return text;
}

int orientation_in(const Reader& reader) {
  png_bytep exif = nullptr;
  png_uint_32 size = 0;
  if (png_get_eXIf_1(reader.png, reader.info, &size, &exif) == 0) return 1;
  return exif_orientation(std::as_bytes(std::span(exif, size)));
}

struct Writer {
  png_structp png = nullptr;
  png_infop info = nullptr;
  std::string bytes;
  char message[128] = {};

  Writer() {
    png = png_create_write_struct(PNG_LIBPNG_VER_STRING, message, take_error, ignore_warning);
    info = png != nullptr ? png_create_info_struct(png) : nullptr;
    if (info == nullptr) throw std::bad_alloc();
  }
  ~Writer() { png_destroy_write_struct(&png, &info); }
  Writer(const Writer&) = delete;
  Writer& operator=(const Writer&) = delete;
};

void write_bytes(png_structp png, png_bytep data, size_t count) {
  static_cast<Writer*>(png_get_io_ptr(png))
      ->bytes.append(reinterpret_cast<const char*>(data), count);
}

void flush_nothing(png_structp) {}

bool write_all(Writer& writer, const Image& image, png_bytepp rows, std::vector<png_text>& text) {
  constexpr int kTypes[] = {PNG_COLOR_TYPE_GRAY, PNG_COLOR_TYPE_GRAY_ALPHA, PNG_COLOR_TYPE_RGB,
                            PNG_COLOR_TYPE_RGB_ALPHA};
  if (setjmp(png_jmpbuf(writer.png))) return false;
  png_set_write_fn(writer.png, &writer, write_bytes, flush_nothing);
  png_set_compression_level(writer.png, kCompressionLevel);
  png_set_IHDR(writer.png, writer.info, static_cast<png_uint_32>(image.width),
               static_cast<png_uint_32>(image.height), image.bits, kTypes[image.channels - 1],
               PNG_INTERLACE_NONE, PNG_COMPRESSION_TYPE_DEFAULT, PNG_FILTER_TYPE_DEFAULT);
  png_set_text(writer.png, writer.info, text.data(), static_cast<int>(text.size()));
  png_write_info(writer.png, writer.info);
  if (image.bits == 16) png_set_swap(writer.png);
  png_write_image(writer.png, rows);
  png_write_end(writer.png, nullptr);
  return true;
}

bool is_ascii(const std::string& text) {
  for (const char c : text) {
    if (static_cast<unsigned char>(c) > 0x7e) return false;
  }
  return true;
}

std::vector<png_text> text_chunks(const PngText& text) {
  std::vector<png_text> chunks;
  for (const auto& [key, value] : text) {
    DDPM_CHECK(!key.empty() && key.size() < 80 && is_ascii(key),
               "png: a key of text must have 1 to 79 ASCII characters, got '", key, "'");
    png_text chunk{};
    chunk.compression = is_ascii(value) ? PNG_TEXT_COMPRESSION_NONE : PNG_ITXT_COMPRESSION_NONE;
    chunk.key = const_cast<char*>(key.c_str());
    chunk.text = const_cast<char*>(value.c_str());
    chunk.text_length = value.size();
    chunks.push_back(chunk);
  }
  return chunks;
}

void check_image(const Image& image) {
  DDPM_CHECK(image.height > 0 && image.width > 0 && image.channels >= 1 && image.channels <= 4 &&
                 (image.bits == 8 || image.bits == 16) &&
                 std::ssize(image.samples) == image.height * image.width * image.channels,
             "png: expected 1 to 4 channels of 8 or 16 bits and a sample for each, got ",
             image.height, "x", image.width, "x", image.channels, " of ", image.bits, " bits and ",
             image.samples.size(), " samples");
}

}  // namespace

bool is_png(std::span<const std::byte> bytes) {
  return bytes.size() >= kSignatureBytes &&
         png_sig_cmp(reinterpret_cast<png_const_bytep>(bytes.data()), 0, kSignatureBytes) == 0;
}

Image decode_png(std::span<const std::byte> bytes, const std::string& who) {
  Reader reader(Extras::kOrientation);
  Image image = read_all(reader, bytes, who);
  return apply_orientation(std::move(image), orientation_in(reader));
}

PngText read_png_text(std::span<const std::byte> bytes, const std::string& who) {
  Reader reader(Extras::kText);
  read_all(reader, bytes, who);
  return text_in(reader);
}

PngText read_png_head_text(std::span<const std::byte> bytes, const std::string& who) {
  const std::string head = head_of(bytes, who);
  Reader reader(Extras::kText);
  reader.rest = std::as_bytes(std::span(head)).subspan(kSignatureBytes);
  if (!read_header(reader)) fail(who, reader.message);
  return text_in(reader);
}

std::string encode_png(const Image& image, const PngText& text) {
  check_image(image);
  const size_t sample_bytes = image.bits == 8 ? 1 : 2;
  const auto row_bytes = static_cast<size_t>(image.width * image.channels) * sample_bytes;
  std::vector<png_byte> pixels(row_bytes * static_cast<size_t>(image.height));
  for (size_t i = 0; i < image.samples.size(); ++i) {
    if (image.bits == 8) {
      pixels[i] = static_cast<png_byte>(image.samples[i]);
    } else {
      std::memcpy(&pixels[2 * i], &image.samples[i], 2);
    }
  }
  std::vector<png_bytep> rows;
  for (int64_t y = 0; y < image.height; ++y) {
    rows.push_back(pixels.data() + static_cast<size_t>(y) * row_bytes);
  }
  std::vector<png_text> chunks = text_chunks(text);
  Writer writer;
  if (!write_all(writer, image, rows.data(), chunks)) {
    throw FormatError(concat("png: cannot be written: ", writer.message));
  }
  return std::move(writer.bytes);
}

}  // namespace ddpm
