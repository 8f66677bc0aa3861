// Whatever the bytes are, decode_webp gives an array or throws FormatError.

#include "ddpm/base/check.h"
#include "ddpm/formats/webp.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  const std::span<const std::byte> bytes = std::as_bytes(std::span(data, size));
  try {
    const ddpm::Image image = ddpm::decode_webp(bytes, "fuzz");
    DDPM_ASSERT(std::ssize(image.samples) == image.height * image.width * image.channels);
  } catch (const ddpm::FormatError&) {
  }
  return 0;
}
