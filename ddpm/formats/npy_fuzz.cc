// Whatever the bytes are, decode_npy gives an array or throws FormatError.

#include "ddpm/base/check.h"
#include "ddpm/base/file.h"
#include "ddpm/formats/npy.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  const std::span<const std::byte> bytes = std::as_bytes(std::span(data, size));
  try {
    const ddpm::NpyArray array = ddpm::decode_npy(ddpm::as_text(bytes), "fuzz");
    array.dtype[1] == 'f' ? (void)ddpm::npy_floats(array, "fuzz")
                          : (void)ddpm::npy_integers(array, "fuzz");
  } catch (const ddpm::FormatError&) {
  }
  return 0;
}
