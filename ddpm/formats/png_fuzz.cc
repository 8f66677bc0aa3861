// Whatever the bytes are, decode_png gives an array or throws FormatError.

#include "ddpm/base/check.h"
#include "ddpm/base/file.h"
#include "ddpm/formats/png.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  const std::span<const std::byte> bytes = std::as_bytes(std::span(data, size));
  try {
    ddpm::decode_png(bytes, "fuzz");
    ddpm::read_png_head_text(bytes, "fuzz");
    ddpm::read_png_text(bytes, "fuzz");
  } catch (const ddpm::FormatError&) {
  }
  return 0;
}
