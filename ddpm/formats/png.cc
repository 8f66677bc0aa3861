#include "ddpm/formats/png.h"

#include <png.h>

#include <csetjmp>
#include <cstring>
#include <vector>

#include "ddpm/base/check.h"
#include "ddpm/formats/exif_internal.h"

namespace ddpm {

namespace {

constexpr size_t kSignatureBytes = 8;
constexpr size_t kChunkFrameBytes = 12;  // length, type and check sum around a chunk's data
constexpr png_alloc_size_t kMostChunkBytes = 4'000'000;  // of one text or profile, inflated
constexpr png_uint_32 kMostChunks = 64;                  // of text, beside the pixels
// Deflate cannot make a byte stand for more than this many, whatever they are.
constexpr int64_t kMostInflation = 1032;
constexpr int kCompressionLevel = 6;  // 9 is twice as slow and saves 1 % on samples of a network

// libpng's state for one file; its error handler leaves the message here and jumps back.
struct Reader {
  png_structp png = nullptr;
  png_infop info = nullptr;
  std::span<const std::byte> rest;
  int64_t file_bytes = 0;
  char message[128] = {};

  Reader();
  ~Reader() { png_destroy_read_struct(&png, &info, nullptr); }
  Reader(const Reader&) = delete;
  Reader& operator=(const Reader&) = delete;
};

void take_error(png_structp png, png_const_charp message) {
  auto* text = static_cast<char*>(png_get_error_ptr(png));
  std::strncpy(text, message, 127);
  png_longjmp(png, 1);
}

void ignore_warning(png_structp, png_const_charp) {}

void read_bytes(png_structp png, png_bytep out, size_t count) {
  auto* reader = static_cast<Reader*>(png_get_io_ptr(png));
  if (reader->rest.size() < count) png_error(png, "the file ends too early");
  std::memcpy(out, reader->rest.data(), count);
  reader->rest = reader->rest.subspan(count);
}

Reader::Reader() {
  png = png_create_read_struct(PNG_LIBPNG_VER_STRING, message, take_error, ignore_warning);
  info = png != nullptr ? png_create_info_struct(png) : nullptr;
  if (info == nullptr) throw std::bad_alloc();
  png_set_read_fn(png, this, read_bytes);
  png_set_user_limits(png, 1'000'000, 1'000'000);
  png_set_chunk_malloc_max(png, kMostChunkBytes);
  png_set_chunk_cache_max(png, kMostChunks);
}

// The functions that call libpng hold nothing with a destructor: an error jumps out of them. Each
// returns false after an error.

bool read_header(Reader& reader) {
  if (setjmp(png_jmpbuf(reader.png))) return false;
  png_read_info(reader.png, reader.info);
  const auto pixels = static_cast<int64_t>(png_get_image_width(reader.png, reader.info)) *
                      static_cast<int64_t>(png_get_image_height(reader.png, reader.info));
  if (pixels > kMostPixels) png_error(reader.png, "more than 100,000,000 pixels");
  // before anything is allocated for them: sixty bytes may say that they are a gigabyte
  const auto stored_bytes = static_cast<int64_t>(png_get_rowbytes(reader.png, reader.info)) *
                            static_cast<int64_t>(png_get_image_height(reader.png, reader.info));
  if (stored_bytes / kMostInflation > reader.file_bytes) {
    png_error(reader.png, "it is too small for so many pixels");
  }
  png_set_expand(reader.png);  // palettes to RGB, few bits to 8, tRNS to alpha
  png_set_interlace_handling(reader.png);
  if (png_get_bit_depth(reader.png, reader.info) == 16) png_set_swap(reader.png);
  png_read_update_info(reader.png, reader.info);
  return true;
}

bool read_pixels(Reader& reader, png_bytepp rows) {
  if (setjmp(png_jmpbuf(reader.png))) return false;
  png_read_image(reader.png, rows);
  png_read_end(reader.png, reader.info);
  return true;
}

[[noreturn]] void fail(const std::string& who, const char* why) {
  throw FormatError(concat(who, ": damaged PNG file: ", why));
}

// Every chunk up to the end must lie within the file: libpng makes room for a chunk of two
// gigabytes before it looks for its bytes.
void check_chunks(std::span<const std::byte> bytes, const std::string& who) {
  if (!is_png(bytes)) throw FormatError(concat(who, ": not a PNG file"));
  auto rest = bytes.subspan(kSignatureBytes);
  bool end = false;
  while (!end) {
    if (rest.size() < kChunkFrameBytes) fail(who, "the file ends too early");
    const auto* at = reinterpret_cast<png_const_bytep>(rest.data());
    const size_t length = png_get_uint_32(at);
    if (length > rest.size() - kChunkFrameBytes)
      fail(who, "the file ends too early: a chunk is longer than what is left");
    end = std::memcmp(at + 4, "IEND", 4) == 0;
    rest = rest.subspan(kChunkFrameBytes + length);
  }
}

// Pixels of 8 bits are read into the second half of the samples' bytes, and spread from there: the
// sample at i lies on the pixels 2i - n and 2i + 1 - n, which were spread before.
bool read_samples(Reader& reader, Image& image) {
  const auto height = static_cast<size_t>(image.height);
  const size_t row_bytes = png_get_rowbytes(reader.png, reader.info);
  const size_t count = height * static_cast<size_t>(image.width * image.channels);
  image.samples.resize(count);
  auto* pixels = reinterpret_cast<png_bytep>(image.samples.data());
  if (image.bits == 8) pixels += count;
  std::vector<png_bytep> rows;
  for (size_t y = 0; y < height; ++y) rows.push_back(pixels + y * row_bytes);
  if (!read_pixels(reader, rows.data())) return false;
  for (size_t i = 0; i < count && image.bits == 8; ++i) image.samples[i] = pixels[i];
  return true;
}

// The whole file is read, chunks behind the pixels too.
Image read_all(Reader& reader, std::span<const std::byte> bytes, const std::string& who) {
  check_chunks(bytes, who);
  reader.rest = bytes;
  reader.file_bytes = std::ssize(bytes);
  if (!read_header(reader)) fail(who, reader.message);
  Image image;
  image.height = png_get_image_height(reader.png, reader.info);
  image.width = png_get_image_width(reader.png, reader.info);
  image.channels = png_get_channels(reader.png, reader.info);
  image.bits = png_get_bit_depth(reader.png, reader.info);
  if (!read_samples(reader, image)) fail(who, reader.message);
  return image;
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
             "png: wanted 1 to 4 channels of 8 or 16 bits and a sample for each, got ",
             image.height, "x", image.width, "x", image.channels, " of ", image.bits, " bits and ",
             image.samples.size(), " samples");
}

}  // namespace

bool is_png(std::span<const std::byte> bytes) {
  return bytes.size() >= kSignatureBytes &&
         png_sig_cmp(reinterpret_cast<png_const_bytep>(bytes.data()), 0, kSignatureBytes) == 0;
}

Image decode_png(std::span<const std::byte> bytes, const std::string& who) {
  Reader reader;
  Image image = read_all(reader, bytes, who);
  return apply_orientation(std::move(image), orientation_in(reader));
}

PngText read_png_text(std::span<const std::byte> bytes, const std::string& who) {
  Reader reader;
  read_all(reader, bytes, who);
  png_textp chunks = nullptr;
  const int count = png_get_text(reader.png, reader.info, &chunks, nullptr);
  PngText text;
  for (int i = 0; i < count; ++i) text[chunks[i].key] = chunks[i].text;
  return text;
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
