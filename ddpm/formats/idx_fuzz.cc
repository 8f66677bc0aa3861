// Any bytes as an IDX file: read, or refused with a FormatError.

#include <cstddef>
#include <cstdint>
#include <stdexcept>

#include "ddpm/base/check.h"
#include "ddpm/formats/idx.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  const std::span<const std::byte> bytes = std::as_bytes(std::span(data, size));
  try {
    const ddpm::IdxImages images = ddpm::decode_idx(bytes, "fuzz");
    DDPM_ASSERT(ddpm::is_idx(bytes));
    DDPM_ASSERT(images.count * images.height * images.width == std::ssize(images.pixels));
  } catch (const ddpm::FormatError&) {
  }
  return 0;
}
