#include "ddpm/formats/npz.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <stdexcept>

#include "ddpm/base/check.h"

namespace ddpm {
namespace {

TEST(Npz, IsAZipThatStoresTheArrayUnderItsName) {
  const NpyArray array{"|u1", {2}, "ab"};
  const std::string zip = encode_npz("arr_0", array);
  EXPECT_EQ(zip.substr(0, 4), "PK\x03\x04");
  EXPECT_NE(zip.find("arr_0.npy"), std::string::npos);
  EXPECT_NE(zip.find(encode_npy(array)), std::string::npos);
  EXPECT_EQ(encode_npz("arr_0", array), zip) << "the time of the day is not in it";
}

TEST(Npz, IsTheSameInPiecesOfAnySize) {
  const NpyArray array{"|u1", {100, 1000}, std::string(100'000, 'x')};
  const std::string whole = encode_npz("arr_0", array);
  std::string streamed;
  size_t largest = 0;
  NpzWriter writer("arr_0", array, [&](std::span<const std::byte> piece) {
    largest = std::max(largest, piece.size());
    streamed += as_text(piece);
  });
  for (size_t at = 0; at < array.bytes.size(); at += 1000) {
    writer.add(as_bytes(array.bytes).subspan(at, 1000));
  }
  writer.finish();
  EXPECT_TRUE(streamed == whole);
  EXPECT_LE(largest, size_t{1} << 16) << "what was added leaves at once";
}

// Nothing of an archive of 5 GiB but its beginning: an entry with 32-bit sizes of 2^32 - 1, which
// refer to a field of 64 bits.
TEST(Npz, FromFourGibibytesOnTheSizesHave64Bits) {
  const NpyArray array{"|u1", {5, int64_t{1} << 30}, ""};
  std::string begin;
  NpzWriter writer("arr_0", array,
                   [&](std::span<const std::byte> piece) { begin += as_text(piece); });
  writer.add(as_bytes(std::string(100'000, 'x')));
  ASSERT_GT(begin.size(), 100U);
  const std::string size("\x80\x00\x00\x40\x01\x00\x00\x00", 8);  // with a header of 128 bytes
  EXPECT_NE(begin.substr(0, 100).find(size), std::string::npos);
}

TEST(Npz, WhatTheSinkThrowsReachesTheCaller) {
  const NpyArray array{"|u1", {1000, 1000}, ""};
  NpzWriter writer("arr_0", array,
                   [](std::span<const std::byte>) { throw IoError("the disk is full"); });
  const std::string part(500'000, 'x');
  try {
    writer.add(as_bytes(part));
    writer.add(as_bytes(part));
    writer.finish();
    FAIL() << "no error";
  } catch (const IoError& error) {
    EXPECT_STREQ(error.what(), "the disk is full");
  }
}

}  // namespace
}  // namespace ddpm
