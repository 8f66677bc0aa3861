#include "ddpm/jobs/images_npz.h"

#include <string>

#include "ddpm/base/check.h"
#include "ddpm/formats/npz.h"

namespace ddpm {

namespace {

std::string bytes_of(const Image& image) {
  std::string bytes;
  bytes.reserve(image.samples.size());
  for (const uint16_t sample : image.samples) bytes += static_cast<char>(sample);
  return bytes;
}

}  // namespace

void stream_images_npz(int64_t count, const std::function<Image(int64_t i)>& image,
                       const ByteSink& sink) {
  DDPM_ASSERT(count > 0);
  Image current = image(0);
  const NpyArray array{"|u1", {count, current.height, current.width, current.channels}, ""};
  NpzWriter npz("arr_0", array, sink);
  for (int64_t i = 0; i < count; ++i) {
    if (i > 0) current = image(i);
    DDPM_CHECK(current.height == array.shape[1] && current.width == array.shape[2] &&
                   current.channels == array.shape[3] && current.bits == 8,
               "sample: expected images of one size and 8 bits for one .npz, got another in image ",
               i);
    npz.add(as_bytes(bytes_of(current)));
  }
  npz.finish();
}

}  // namespace ddpm
