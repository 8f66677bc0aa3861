#include "ddpm/formats/image_file.h"

#include <algorithm>

#include "ddpm/base/check.h"
#include "ddpm/base/file.h"
#include "ddpm/base/foreign_file.h"
#include "ddpm/formats/bmp.h"
#include "ddpm/formats/gif.h"
#include "ddpm/formats/jpeg.h"
#include "ddpm/formats/png.h"
#include "ddpm/formats/tiff.h"
#include "ddpm/formats/webp.h"

namespace ddpm {

Image decode_image_file(std::span<const std::byte> bytes, const std::string& who) {
  if (is_png(bytes)) return decode_png(bytes, who);
  if (is_jpeg(bytes)) return decode_jpeg(bytes, who);
  if (is_webp(bytes)) return decode_webp(bytes, who);
  if (is_gif(bytes)) return decode_gif(bytes, who);
  if (is_tiff(bytes)) return decode_tiff(bytes, who);
  if (is_bmp(bytes)) return decode_bmp(bytes, who);
  const size_t count = std::min(bytes.size(), kRecognisedBytes);
  throw FormatError(concat(who, ": expected a PNG, JPEG, WebP, BMP, GIF or TIFF image, got ",
                           got_instead(as_text(bytes.first(count)))));
}

}  // namespace ddpm
