#include "ddpm/formats/jpeg.h"

#include <algorithm>
#include <csetjmp>
#include <cstdio>  // before jpeglib.h, which needs FILE
#include <cstring>
#include <vector>

// after <cstdio>
#include <jerror.h>
#include <jpeglib.h>

#include "ddpm/base/check.h"
#include "ddpm/formats/exif_internal.h"

namespace ddpm {

namespace {

constexpr int kStartOfScan = 0xda;      // a marker
constexpr char kExifMark[] = "Exif\0";  // six bytes with the literal's own zero

// What the scans of one file may cost. A legal progressive file of 100,000,000 pixels in ten scans
// has 22 million blocks; a few bytes of a further scan make libjpeg visit every block again.
constexpr int kMaxScans = 1000;
constexpr int64_t kMaxScannedBlocks = 64'000'000;  // of 8x8 coefficients, all scans together

// libjpeg's state for one file. Its errors, and its warnings of lost pixels, leave their message
// here and jump back.
struct Decoder {
  jpeg_decompress_struct jpeg;
  jpeg_error_mgr errors;
  jpeg_progress_mgr progress;
  jmp_buf back;
  char message[JMSG_LENGTH_MAX] = {};
  bool ended_early = false;    // the file has no more bytes, and no end marker came
  int64_t scanned_blocks = 0;  // of a file of several scans
  unsigned components = 0;     // those that a scan contained, bit by bit

  Decoder();
  ~Decoder() { jpeg_destroy_decompress(&jpeg); }
  Decoder(const Decoder&) = delete;
  Decoder& operator=(const Decoder&) = delete;
};

Decoder& decoder_of(j_common_ptr common) { return *static_cast<Decoder*>(common->client_data); }

[[noreturn]] void jump_back(j_common_ptr common) {
  common->err->format_message(common, decoder_of(common).message);
  longjmp(decoder_of(common).back, 1);
}

[[noreturn]] void jump_back_with(Decoder& decoder, const char* message) {
  std::snprintf(decoder.message, sizeof(decoder.message), "%s", message);
  longjmp(decoder.back, 1);
}

// Each warning of libjpeg is damage if pixels are lost by it; docs/formats.md has the table. Other
// levels are traces.
void judge_message(j_common_ptr common, int level) {
  if (level >= 0) return;
  switch (common->err->msg_code) {
    case JWRN_ADOBE_XFORM:     // an unknown transform of colours: the usual one is taken
    case JWRN_JFIF_MAJOR:      // a version that nobody has written
    case JWRN_NOT_SEQUENTIAL:  // fields of a scan's header that a sequential file does not use
      return;
    case JWRN_BOGUS_PROGRESSION: {
      // Coefficients before their component's first, DC, are kept; check_scans looks for that one.
      // Otherwise a scan is missing between two that refine each other.
      const bool before_dc = common->err->msg_parm.i[1] == 0 && decoder_of(common).jpeg.Ss != 0;
      if (before_dc) return;
      break;
    }
    case JWRN_EXTRANEOUS_DATA: {
      // Between two segments nothing is lost. Before a restart marker they are coefficients that
      // were not decoded.
      const int marker = common->err->msg_parm.i[1];
      if (marker < JPEG_RST0 || marker > JPEG_RST0 + 7) return;
      break;
    }
    case JWRN_JPEG_EOF:  // if coefficients are missing, JWRN_HIT_MARKER or check_scans reports it
      decoder_of(common).ended_early = true;
      return;
    default:
      break;
  }
  jump_back(common);
}

// libjpeg calls it before each row of blocks that it reads of a file of several scans.
void count_work(j_common_ptr common) {
  Decoder& decoder = decoder_of(common);
  const jpeg_decompress_struct& jpeg = decoder.jpeg;
  if (jpeg.output_scanline > 0 || jpeg.comps_in_scan == 0) return;
  for (int i = 0; i < jpeg.comps_in_scan; ++i) {
    decoder.components |= 1U << jpeg.cur_comp_info[i]->component_index;
  }
  const int rows = jpeg.comps_in_scan == 1 ? jpeg.cur_comp_info[0]->v_samp_factor : 1;
  decoder.scanned_blocks +=
      static_cast<int64_t>(jpeg.MCUs_per_row) * std::max(1, jpeg.blocks_in_MCU) * rows;
  if (jpeg.input_scan_number > kMaxScans || decoder.scanned_blocks > kMaxScannedBlocks) {
    jump_back_with(decoder, "more scans than a progressive file of this size needs");
  }
}

Decoder::Decoder() : jpeg(), errors(), progress() {
  jpeg.err = jpeg_std_error(&errors);
  errors.error_exit = jump_back;
  errors.emit_message = judge_message;
  jpeg.client_data = this;
  jpeg_create_decompress(&jpeg);
  progress.progress_monitor = count_work;
  jpeg.progress = &progress;
}

// The functions that call libjpeg hold nothing with a destructor; each returns false after an
// error.

bool read_header(Decoder& decoder, std::span<const std::byte> bytes) {
  if (setjmp(decoder.back)) return false;
  jpeg_decompress_struct& jpeg = decoder.jpeg;
  jpeg_mem_src(&jpeg, reinterpret_cast<const unsigned char*>(bytes.data()), bytes.size());
  jpeg_save_markers(&jpeg, JPEG_APP0 + 1, 0xffff);
  jpeg_read_header(&jpeg, TRUE);
  if (jpeg.data_precision != 8) jump_back_with(decoder, "samples of other than 8 bits");
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

// Of a file of several scans, when all of them are read: every component must have come, and if the
// file has no end marker, every coefficient to its last bit.
void check_scans(Decoder& decoder) {
  const jpeg_decompress_struct& jpeg = decoder.jpeg;
  for (int c = 0; c < jpeg.num_components; ++c) {
    bool complete = (decoder.components >> c & 1U) != 0;
    if (jpeg.progressive_mode) {
      complete = complete && jpeg.coef_bits[c][0] >= 0;
      for (int k = 0; k < DCTSIZE2 && decoder.ended_early; ++k) {
        complete = complete && jpeg.coef_bits[c][k] == 0;
      }
    }
    if (!complete) jump_back_with(decoder, "a scan is missing");
  }
}

// Reads the pixels row by row into `row`, and from there to `out`.
bool read_rows(Decoder& decoder, JSAMPROW row, size_t row_samples, uint16_t* out) {
  if (setjmp(decoder.back)) return false;
  jpeg_decompress_struct& jpeg = decoder.jpeg;
  jpeg_start_decompress(&jpeg);
  if (jpeg_has_multiple_scans(&jpeg)) check_scans(decoder);
  while (jpeg.output_scanline < jpeg.output_height) {
    uint16_t* to = out + jpeg.output_scanline * row_samples;
    jpeg_read_scanlines(&jpeg, &row, 1);
    std::copy(row, row + row_samples, to);
  }
  // The arithmetic decoder may not notice that its bytes ended. What follows the last row is not
  // read: it holds no pixels.
  if (decoder.ended_early && jpeg.arith_code) jump_back_with(decoder, "a scan is cut");
  return true;
}

[[noreturn]] void fail(const Decoder& decoder, const std::string& who) {
  throw FormatError(concat(who, ": damaged JPEG file: ", decoder.message,
                           decoder.ended_early ? ", where the file ends: truncated" : ""));
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

// How many bytes hold coefficients: those behind the header of each scan, up to the next marker
// that is no part of it. Where segments are broken, all that follows.
size_t coefficient_bytes(std::span<const std::byte> bytes) {
  const auto at = [&](size_t i) { return std::to_integer<int>(bytes[i]); };
  size_t sum = 0;
  bool in_scan = false;
  size_t place = 2;
  while (place + 1 < bytes.size()) {
    const int marker = at(place + 1);
    const bool restarts = marker >= JPEG_RST0 && marker <= JPEG_RST0 + 7;
    if (at(place) != 0xff || marker == 0 || (in_scan && restarts)) {
      if (in_scan) ++sum;  // a zero or a restart after 0xff belongs to the coefficients
      ++place;
      continue;
    }
    if (marker == 0xff) {  // fills up to the marker
      ++place;
      continue;
    }
    in_scan = marker == kStartOfScan;
    if (marker == JPEG_EOI || place + 3 >= bytes.size()) break;
    place += 2 + static_cast<size_t>(at(place + 2) << 8 | at(place + 3));
  }
  return sum;
}

// Four inks to three colours. Files hold them inverted, 255 for no ink, as Adobe's programs write
// them; readers assume so with and without Adobe's marker.
void make_rgb_of_cmyk(std::vector<uint16_t>& samples) {
  auto to = samples.begin();
  for (size_t i = 0; i + 3 < samples.size(); i += 4) {
    const int black = samples[i + 3];
    for (size_t c = 0; c < 3; ++c) {
      *to++ = static_cast<uint16_t>((samples[i + c] * black + 127) / 255);
    }
  }
  samples.erase(to, samples.end());
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
  const bool inks = jpeg.out_color_space == JCS_CMYK;
  const int64_t stored = inks ? 4 : jpeg.out_color_space == JCS_GRAYSCALE ? 1 : 3;
  check_decodable(image.height, image.width, stored, coefficient_bytes(bytes), who);
  const int orientation = orientation_in(jpeg);  // the markers do not outlive the pixels' reading
  std::vector<JSAMPLE> row(static_cast<size_t>(image.width * stored));
  image.samples.resize(row.size() * static_cast<size_t>(image.height));
  if (!read_rows(decoder, row.data(), row.size(), image.samples.data())) fail(decoder, who);
  image.channels = inks ? 3 : stored;
  if (inks) make_rgb_of_cmyk(image.samples);
  return apply_orientation(std::move(image), orientation);
}

}  // namespace ddpm
