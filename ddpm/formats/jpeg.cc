#include "ddpm/formats/jpeg.h"

#include <jpeglib.h>

#include <csetjmp>
#include <cstdio>  // before jpeglib.h, which needs FILE
#include <cstring>
#include <vector>

#include "ddpm/base/check.h"
#include "ddpm/formats/exif_internal.h"

namespace ddpm {

namespace {

constexpr char kExifMark[] = "Exif\0";  // six bytes with the literal's own zero

// libjpeg's state for one file. Its errors, and its warnings of damaged data, which would fill the
// picture with gray, leave their message here and jump back.
struct Decoder {
  jpeg_decompress_struct jpeg;
  jpeg_error_mgr errors;
  jmp_buf back;
  char message[JMSG_LENGTH_MAX] = {};

  Decoder();
  ~Decoder() { jpeg_destroy_decompress(&jpeg); }
  Decoder(const Decoder&) = delete;
  Decoder& operator=(const Decoder&) = delete;
};

[[noreturn]] void jump_back(j_common_ptr common) {
  auto* decoder = static_cast<Decoder*>(common->client_data);
  common->err->format_message(common, decoder->message);
  longjmp(decoder->back, 1);
}

// A warning (level -1) means that data are damaged or missing; what is said at other levels is
// harmless.
void judge_message(j_common_ptr common, int level) {
  if (level < 0) jump_back(common);
}

Decoder::Decoder() : jpeg(), errors() {
  jpeg.err = jpeg_std_error(&errors);
  errors.error_exit = jump_back;
  errors.emit_message = judge_message;
  jpeg.client_data = this;
  jpeg_create_decompress(&jpeg);
}

// The functions that call libjpeg hold nothing with a destructor; each returns false after an
// error.

bool read_header(Decoder& decoder, std::span<const std::byte> bytes) {
  if (setjmp(decoder.back)) return false;
  jpeg_decompress_struct& jpeg = decoder.jpeg;
  jpeg_mem_src(&jpeg, reinterpret_cast<const unsigned char*>(bytes.data()), bytes.size());
  jpeg_save_markers(&jpeg, JPEG_APP0 + 1, 0xffff);
  jpeg_read_header(&jpeg, TRUE);
  switch (jpeg.jpeg_color_space) {
    case JCS_GRAYSCALE:
      jpeg.out_color_space = JCS_GRAYSCALE;
      break;
    case JCS_CMYK:
    case JCS_YCCK:
      jpeg.out_color_space = JCS_CMYK;
      break;
    default:
      jpeg.out_color_space = JCS_RGB;
  }
  return true;
}

bool read_rows(Decoder& decoder, unsigned char* out, size_t row_bytes) {
  if (setjmp(decoder.back)) return false;
  jpeg_start_decompress(&decoder.jpeg);
  while (decoder.jpeg.output_scanline < decoder.jpeg.output_height) {
    JSAMPROW row = out + decoder.jpeg.output_scanline * row_bytes;
    jpeg_read_scanlines(&decoder.jpeg, &row, 1);
  }
  jpeg_finish_decompress(&decoder.jpeg);
  return true;
}

[[noreturn]] void fail(const Decoder& decoder, const std::string& who) {
  throw FormatError(concat(who, ": damaged JPEG file: ", decoder.message));
}

int orientation_in(const jpeg_decompress_struct& jpeg) {
  for (const jpeg_marker_struct* marker = jpeg.marker_list; marker != nullptr;
       marker = marker->next) {
    const std::span<const std::byte> data =
        std::as_bytes(std::span(marker->data, marker->data_length));
    if (data.size() > sizeof(kExifMark) &&
        std::memcmp(data.data(), kExifMark, sizeof(kExifMark)) == 0) {
      return exif_orientation(data.subspan(sizeof(kExifMark)));
    }
  }
  return 1;
}

// Four inks to three colours. Adobe's programs store the inks inverted, and a marker says so.
std::vector<uint16_t> rgb_from_cmyk(const std::vector<unsigned char>& cmyk, bool inverted) {
  std::vector<uint16_t> rgb;
  rgb.reserve(cmyk.size() / 4 * 3);
  for (size_t i = 0; i + 3 < cmyk.size(); i += 4) {
    const int light = inverted ? cmyk[i + 3] : 255 - cmyk[i + 3];
    for (size_t c = 0; c < 3; ++c) {
      const int part = inverted ? cmyk[i + c] : 255 - cmyk[i + c];
      rgb.push_back(static_cast<uint16_t>((part * light + 127) / 255));
    }
  }
  return rgb;
}

}  // namespace

bool is_jpeg(std::span<const std::byte> bytes) {
  return bytes.size() >= 3 && bytes[0] == std::byte{0xff} && bytes[1] == std::byte{0xd8} &&
         bytes[2] == std::byte{0xff};
}

Image decode_jpeg(std::span<const std::byte> bytes, const std::string& who) {
  if (!is_jpeg(bytes)) throw FormatError(concat(who, ": not a JPEG file"));
  Decoder decoder;
  if (!read_header(decoder, bytes)) fail(decoder, who);
  const jpeg_decompress_struct& jpeg = decoder.jpeg;
  Image image;
  image.height = jpeg.image_height;
  image.width = jpeg.image_width;
  if (image.height * image.width > kMaxPixels) {
    throw FormatError(concat(who, ": JPEG file of more than ", kMaxPixels, " pixels"));
  }
  const bool inks = jpeg.out_color_space == JCS_CMYK;
  const int64_t stored = inks ? 4 : jpeg.out_color_space == JCS_GRAYSCALE ? 1 : 3;
  const int orientation = orientation_in(jpeg);  // the markers do not outlive the pixels' reading
  const auto row_bytes = static_cast<size_t>(image.width * stored);
  std::vector<unsigned char> pixels(row_bytes * static_cast<size_t>(image.height));
  if (!read_rows(decoder, pixels.data(), row_bytes)) fail(decoder, who);
  image.channels = inks ? 3 : stored;
  image.samples = inks ? rgb_from_cmyk(pixels, jpeg.saw_Adobe_marker)
                       : std::vector<uint16_t>(pixels.begin(), pixels.end());
  return apply_orientation(std::move(image), orientation);
}

}  // namespace ddpm
