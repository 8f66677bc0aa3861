#include "ddpm/formats/gif.h"

#include <gif_lib.h>

#include <algorithm>
#include <cstring>
#include <string_view>

#include "ddpm/base/check.h"
#include "ddpm/base/file.h"
#include "ddpm/formats/indexed_internal.h"

namespace ddpm {

namespace {

constexpr int kNoIndex = -1;

// giflib reading bytes in memory.
class Decoder {
 public:
  Decoder(std::span<const std::byte> bytes, const std::string& who) : rest_(bytes), who_(who) {
    int error = 0;
    gif_ = DGifOpen(this, read, &error);
    if (gif_ == nullptr) fail(error);
  }
  ~Decoder() { DGifCloseFile(gif_, nullptr); }
  Decoder(const Decoder&) = delete;
  Decoder& operator=(const Decoder&) = delete;

  Image first_frame() {
    find_frame();
    const GifImageDesc& frame = gif_->Image;
    // a frame may lie beyond the screen; the canvas then holds both
    const int64_t height = std::max<int64_t>(gif_->SHeight, int64_t{frame.Top} + frame.Height);
    const int64_t width = std::max<int64_t>(gif_->SWidth, int64_t{frame.Left} + frame.Width);
    const bool whole = frame.Height == height && frame.Width == width;
    const size_t pixel_bytes = bytes_of_blocks();
    check_decodable(height, width, whole && transparent_ == kNoIndex ? 3 : 4, pixel_bytes, who_);
    check_decodable(frame.Height, frame.Width, 3, pixel_bytes, who_);
    const std::vector<Colour> palette = frame_palette();
    const std::vector<uint8_t> indices = frame_indices();
    Image image = image_of_indices(frame.Height, frame.Width, indices, palette, who_);
    if (whole) return image;
    return on_canvas(with_alpha(std::move(image)), height, width, frame.Top, frame.Left);
  }

 private:
  static int read(GifFileType* gif, GifByteType* out, int count) {
    auto& rest = static_cast<Decoder*>(gif->UserData)->rest_;
    const size_t got = std::min(rest.size(), static_cast<size_t>(count));
    if (got > 0) std::memcpy(out, rest.data(), got);
    rest = rest.subspan(got);
    return static_cast<int>(got);
  }

  [[noreturn]] void fail(int error) const {
    const char* reason = GifErrorString(error);
    throw FormatError(
        concat(who_, ": damaged GIF file: ", reason == nullptr ? "no frame before its end" : reason,
               rest_.empty() ? ", where the file ends: truncated" : ""));
  }

  void check(int result) const {
    if (result == GIF_ERROR) fail(gif_->Error);
  }

  // Up to the first image, with the extension that gives its transparent index.
  void find_frame() {
    while (true) {
      GifRecordType type = UNDEFINED_RECORD_TYPE;
      check(DGifGetRecordType(gif_, &type));
      if (type == IMAGE_DESC_RECORD_TYPE) break;
      if (type == TERMINATE_RECORD_TYPE) fail(0);
      if (type != EXTENSION_RECORD_TYPE) continue;
      int code = 0;
      GifByteType* block = nullptr;
      check(DGifGetExtension(gif_, &code, &block));
      while (block != nullptr) {
        GraphicsControlBlock control{};
        if (code == GRAPHICS_EXT_FUNC_CODE &&
            DGifExtensionToGCB(block[0], block + 1, &control) == GIF_OK) {
          transparent_ = control.TransparentColor;
        }
        check(DGifGetExtensionNext(gif_, &block));
      }
    }
    check(DGifGetImageDesc(gif_));
  }

  // The bytes of the blocks that begin here, up to an empty one.
  size_t bytes_of_blocks() const {
    size_t sum = 0;
    for (auto rest = rest_; !rest.empty();) {
      const auto count = std::to_integer<size_t>(rest[0]);
      if (count == 0) break;
      const size_t there = std::min(count, rest.size() - 1);
      sum += there;
      rest = rest.subspan(1 + there);
    }
    return sum;
  }

  std::vector<Colour> frame_palette() const {
    const ColorMapObject* map =
        gif_->Image.ColorMap != nullptr ? gif_->Image.ColorMap : gif_->SColorMap;
    if (map == nullptr) {
      throw FormatError(concat(who_, ": damaged GIF file: expected a palette, got none"));
    }
    std::vector<Colour> palette;
    for (int i = 0; i < map->ColorCount; ++i) {
      const GifColorType& colour = map->Colors[i];
      palette.push_back({colour.Red, colour.Green, colour.Blue, uint8_t{255}});
    }
    if (transparent_ != kNoIndex && transparent_ < map->ColorCount) {
      palette[static_cast<size_t>(transparent_)][3] = 0;
    }
    return palette;
  }

  std::vector<uint8_t> frame_indices() {
    const GifImageDesc& frame = gif_->Image;
    std::vector<uint8_t> indices(static_cast<size_t>(frame.Height) *
                                 static_cast<size_t>(frame.Width));
    const auto read_rows = [&](int first, int step) {
      for (int y = first; y < frame.Height; y += step) {
        uint8_t* row = indices.data() + static_cast<size_t>(y) * static_cast<size_t>(frame.Width);
        check(DGifGetLine(gif_, row, frame.Width));
      }
    };
    if (frame.Interlace) {  // in four passes
      read_rows(0, 8);
      read_rows(4, 8);
      read_rows(2, 4);
      read_rows(1, 2);
    } else {
      read_rows(0, 1);
    }
    return indices;
  }

  static Image with_alpha(Image image) {
    if (image.channels % 2 == 0) return image;
    Image result{image.height, image.width, image.channels + 1, image.bits, {}};
    const auto channels = static_cast<size_t>(image.channels);
    for (size_t i = 0; i < image.samples.size(); i += channels) {
      result.samples.insert(result.samples.end(), &image.samples[i], &image.samples[i] + channels);
      result.samples.push_back(255);
    }
    return result;
  }

  std::span<const std::byte> rest_;
  const std::string& who_;
  GifFileType* gif_ = nullptr;
  int transparent_ = kNoIndex;
};

}  // namespace

bool is_gif(std::span<const std::byte> bytes) {
  const std::string_view text = as_text(bytes);
  return text.starts_with("GIF87a") || text.starts_with("GIF89a");
}

Image decode_gif(std::span<const std::byte> bytes, const std::string& who) {
  if (!is_gif(bytes)) throw FormatError(concat(who, ": not a GIF file"));
  return Decoder(bytes, who).first_frame();
}

}  // namespace ddpm
