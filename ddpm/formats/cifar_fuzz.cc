// Any bytes as a file of CIFAR-10: read, or refused with a FormatError.

#include <cstddef>
#include <cstdint>
#include <stdexcept>

#include "ddpm/base/check.h"
#include "ddpm/formats/cifar.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  try {
    for (const ddpm::Image& image :
         ddpm::decode_cifar10(std::as_bytes(std::span(data, size)), "fuzz")) {
      DDPM_ASSERT(image.samples.size() == 3072);
    }
  } catch (const ddpm::FormatError&) {
  }
  return 0;
}
