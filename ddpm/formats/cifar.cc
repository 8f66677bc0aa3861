#include "ddpm/formats/cifar.h"

#include <algorithm>

#include "ddpm/base/check.h"
#include "ddpm/base/file.h"
#include "ddpm/base/foreign_file.h"

namespace ddpm {

namespace {

constexpr size_t kSide = 32;
constexpr size_t kPlaneBytes = kSide * kSide;
constexpr size_t kChannels = 3;
constexpr size_t kRecordBytes = 1 + kChannels * kPlaneBytes;
constexpr int kLargestLabel = 9;

// Planes to pixels.
Image image_of(std::span<const std::byte> planes) {
  Image image{kSide, kSide, kChannels, 8, std::vector<uint16_t>(planes.size())};
  for (size_t c = 0; c < kChannels; ++c) {
    for (size_t i = 0; i < kPlaneBytes; ++i) {
      image.samples[i * kChannels + c] = std::to_integer<uint8_t>(planes[c * kPlaneBytes + i]);
    }
  }
  return image;
}

}  // namespace

std::vector<Image> decode_cifar10(std::span<const std::byte> bytes, const std::string& who) {
  if (bytes.empty() || bytes.size() % kRecordBytes != 0) {
    const std::string what =
        what_it_is(as_text(bytes.first(std::min(bytes.size(), kRecognisedBytes))));
    throw FormatError(concat(who, ": expected whole records of ", kRecordBytes,
                             " bytes, as CIFAR-10's binary version has them, got ", bytes.size(),
                             " bytes", what.empty() ? "" : ": ", what));
  }
  std::vector<Image> images;
  images.reserve(bytes.size() / kRecordBytes);
  for (; !bytes.empty(); bytes = bytes.subspan(kRecordBytes)) {
    const int label = std::to_integer<int>(bytes[0]);
    if (label > kLargestLabel) {
      throw FormatError(concat(who, ": the label of record ", images.size(),
                               ", counted from 0, must be in 0 to ", kLargestLabel, ", got ",
                               label));
    }
    images.push_back(image_of(bytes.subspan(1, kRecordBytes - 1)));
  }
  return images;
}

}  // namespace ddpm
