// The binary version of CIFAR-10: records of one label byte and 3072 bytes of red, green, blue
// planes.

#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <vector>

#include "ddpm/formats/image.h"

namespace ddpm {

// The images of one file (data_batch_1.bin, test_batch.bin, ..), 32 x 32, 3 channels, 8 bits.
// Throws FormatError that starts with `who` if the size is no multiple of 3073 or a label is
// above 9.
std::vector<Image> decode_cifar10(std::span<const std::byte> bytes, const std::string& who);

}  // namespace ddpm
