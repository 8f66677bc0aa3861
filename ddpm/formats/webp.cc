#include "ddpm/formats/webp.h"

#include <webp/decode.h>
#include <webp/demux.h>

#include <cstring>
#include <memory>
#include <string_view>

#include "ddpm/base/check.h"
#include "ddpm/base/file.h"
#include "ddpm/formats/exif_internal.h"

namespace ddpm {

namespace {

constexpr std::string_view kExifMark{"Exif\0\0",
                                     6};  // which some writers put before the TIFF header

using Demuxer = std::unique_ptr<WebPDemuxer, void (*)(WebPDemuxer*)>;

[[noreturn]] void fail(const std::string& who, const char* why) {
  throw FormatError(concat(who, ": damaged WebP file: ", why));
}

const char* reason(VP8StatusCode status) {
  switch (status) {
    case VP8_STATUS_OUT_OF_MEMORY:
      return "out of memory";
    case VP8_STATUS_UNSUPPORTED_FEATURE:
      return "an unsupported feature";
    case VP8_STATUS_SUSPENDED:
    case VP8_STATUS_NOT_ENOUGH_DATA:
      return "the file ends too early";
    default:
      return "the pixels cannot be decoded";
  }
}

int orientation_in(const WebPDemuxer* demuxer) {
  WebPChunkIterator chunk;
  if (WebPDemuxGetChunk(demuxer, "EXIF", 1, &chunk) == 0) return 1;
  auto exif = std::as_bytes(std::span(chunk.chunk.bytes, chunk.chunk.size));
  if (as_text(exif).starts_with(kExifMark)) exif = exif.subspan(kExifMark.size());
  const int orientation = exif_orientation(exif);
  WebPDemuxReleaseChunkIterator(&chunk);
  return orientation;
}

// The pixels of `frame`. Bytes are decoded into the second half of the samples' own memory, and
// spread from there.
Image decode_frame(const WebPIterator& frame, bool alpha, const std::string& who) {
  Image image{frame.height, frame.width, alpha ? 4 : 3, 8, {}};
  const auto count = static_cast<size_t>(image.height * image.width * image.channels);
  image.samples.resize(count);
  auto* bytes = reinterpret_cast<uint8_t*>(image.samples.data()) + count;
  WebPDecoderConfig config;
  if (WebPInitDecoderConfig(&config) == 0) fail(who, "libwebp has another version");
  config.output.colorspace = alpha ? MODE_RGBA : MODE_RGB;
  config.output.is_external_memory = 1;
  config.output.u.RGBA = {bytes, static_cast<int>(image.width * image.channels), count};
  const VP8StatusCode status = WebPDecode(frame.fragment.bytes, frame.fragment.size, &config);
  WebPFreeDecBuffer(&config.output);
  if (status != VP8_STATUS_OK) fail(who, reason(status));
  for (size_t i = 0; i < count; ++i) image.samples[i] = bytes[i];
  return image;
}

}  // namespace

bool is_webp(std::span<const std::byte> bytes) {
  const std::string_view text = as_text(bytes);
  return text.size() >= 12 && text.starts_with("RIFF") && text.substr(8, 4) == "WEBP";
}

Image decode_webp(std::span<const std::byte> bytes, const std::string& who) {
  if (!is_webp(bytes)) throw FormatError(concat(who, ": not a WebP file"));
  const WebPData data{reinterpret_cast<const uint8_t*>(bytes.data()), bytes.size()};
  const Demuxer demuxer(WebPDemux(&data), WebPDemuxDelete);
  if (demuxer == nullptr) fail(who, "its chunks are broken, or the file ends too early");
  WebPIterator frame;
  if (WebPDemuxGetFrame(demuxer.get(), 1, &frame) == 0) fail(who, "no frame");
  const std::unique_ptr<WebPIterator, void (*)(WebPIterator*)> owner(&frame,
                                                                     WebPDemuxReleaseIterator);
  const int64_t height = WebPDemuxGetI(demuxer.get(), WEBP_FF_CANVAS_HEIGHT);
  const int64_t width = WebPDemuxGetI(demuxer.get(), WEBP_FF_CANVAS_WIDTH);
  const bool whole = frame.height == height && frame.width == width;
  const bool alpha = frame.has_alpha != 0 || !whole;
  check_decodable(height, width, alpha ? 4 : 3, frame.fragment.size, who);
  check_decodable(frame.height, frame.width, alpha ? 4 : 3, frame.fragment.size, who);
  Image image = decode_frame(frame, alpha, who);
  if (!whole) image = on_canvas(image, height, width, frame.y_offset, frame.x_offset);
  return apply_orientation(std::move(image), orientation_in(demuxer.get()));
}

}  // namespace ddpm
