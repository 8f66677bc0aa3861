#include "ddpm/formats/cifar.h"

#include <gtest/gtest.h>

#include "ddpm/base/check.h"
#include "ddpm/base/file.h"
#include "ddpm/testing/complaint.h"

namespace ddpm {
namespace {

constexpr size_t kRecord = 3073;

// Red, green and blue of pixel i of image n, all different from their neighbours'.
uint8_t value(size_t n, size_t channel, size_t i) {
  return static_cast<uint8_t>(i * 7 + i / 32 * 3 + channel * 85 + n);
}

std::string records(size_t count) {
  std::string file;
  for (size_t n = 0; n < count; ++n) {
    file += static_cast<char>(n % 10);
    for (size_t channel = 0; channel < 3; ++channel) {
      for (size_t i = 0; i < 1024; ++i) file += static_cast<char>(value(n, channel, i));
    }
  }
  return file;
}

std::string error_of(const std::string& file) {
  return complaint<FormatError>([&] { decode_cifar10(as_bytes(file), "x"); });
}

TEST(Cifar10, PutsThePlanesOfARecordSideBySide) {
  const std::vector<Image> images = decode_cifar10(as_bytes(records(3)), "x");
  ASSERT_EQ(images.size(), 3u);
  for (size_t n = 0; n < 3; ++n) {
    ASSERT_EQ(images[n].height, 32);
    ASSERT_EQ(images[n].width, 32);
    ASSERT_EQ(images[n].channels, 3);
    ASSERT_EQ(images[n].bits, 8);
    ASSERT_EQ(images[n].samples.size(), 3072u);
    for (int64_t y = 0; y < 32; ++y) {
      for (int64_t x = 0; x < 32; ++x) {
        for (int64_t c = 0; c < 3; ++c) {
          ASSERT_EQ(images[n].at(y, x, c),
                    value(n, static_cast<size_t>(c), static_cast<size_t>(y * 32 + x)));
        }
      }
    }
  }
}

TEST(Cifar10, IsMadeOfWholeRecords) {
  const std::string what =
      "x: expected whole records of 3073 bytes, as CIFAR-10's binary version has them, got ";
  EXPECT_EQ(error_of(""), what + "0 bytes: an empty file; download or copy it again");
  EXPECT_EQ(error_of(records(2).substr(1)), what + "6145 bytes");
  EXPECT_EQ(error_of(records(1) + "x"), what + "3074 bytes");
  EXPECT_EQ(error_of("\x80\2}q"), what + "4 bytes: a Python pickle");
}

TEST(Cifar10, HasLabelsFrom0To9) {
  std::string file = records(2);
  file[kRecord] = 9;
  EXPECT_EQ(error_of(file), "");
  file[kRecord] = 10;
  EXPECT_EQ(error_of(file), "x: the label of record 1, counted from 0, must be in 0 to 9, got 10");
}

}  // namespace
}  // namespace ddpm
