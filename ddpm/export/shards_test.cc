#include "ddpm/export/shards.h"

#include <gtest/gtest.h>

#include "ddpm/base/check.h"

namespace ddpm {
namespace {

using Shards = std::vector<std::vector<size_t>>;

Shards split_of(const std::vector<int64_t>& bytes, int64_t most) {
  return split_into_shards(bytes, most);
}

TEST(Shards, AFileEndsWhereTheNextTensorWouldMakeItTooLarge) {
  // the example of huggingface_hub's own description: 6, 6, 2, 6, 2, 2 in files of 10
  EXPECT_EQ(split_of({6, 6, 2, 6, 2, 2}, 10), (Shards{{0}, {1, 2}, {3, 4, 5}}));
  EXPECT_EQ(split_of({5, 5, 1}, 10), (Shards{{0, 1}, {2}}));  // exactly full is not too large
  EXPECT_EQ(split_of({1, 2, 3}, 6), (Shards{{0, 1, 2}}));
  EXPECT_EQ(split_of({}, 6), Shards{});
}

TEST(Shards, ATensorLargerThanAFileStandsAloneBeforeTheOneThatIsBeingFilled) {
  EXPECT_EQ(split_of({3, 11, 4, 4}, 10), (Shards{{1}, {0, 2}, {3}}));
  EXPECT_EQ(split_of({11, 12}, 10), (Shards{{0}, {1}}));
}

TEST(Shards, ASizeIsANumberOfBytesOrHasADecimalUnit) {
  EXPECT_EQ(parse_byte_count("10GB", "w"), 10'000'000'000);
  EXPECT_EQ(parse_byte_count("500MB", "w"), 500'000'000);
  EXPECT_EQ(parse_byte_count("50kb", "w"), 50'000);
  EXPECT_EQ(parse_byte_count("1.5GB", "w"), 1'500'000'000);
  EXPECT_EQ(parse_byte_count("2TB", "w"), 2'000'000'000'000);
  EXPECT_EQ(parse_byte_count("4096", "w"), 4096);
  EXPECT_EQ(parse_byte_count("0.0015KB", "w"), 1);  // cut, as huggingface_hub cuts it
}

TEST(Shards, WhatIsNoSizeIsRefused) {
  for (const char* text : {"", "GB", "0", "-1GB", "1.5", "0.0001KB", "10GiB", "10 potatoes", "nan",
                           "1e30", "infMB", "10000000TB"}) {
    try {
      parse_byte_count(text, "--max-shard-size");
      ADD_FAILURE() << text;
    } catch (const InvalidArgument& error) {
      EXPECT_NE(std::string(error.what()).find("--max-shard-size: wanted a size"),
                std::string::npos)
          << error.what();
    }
  }
}

TEST(Shards, ASingleFileHasNoNumber) {
  EXPECT_EQ(shard_name(0, 1), "diffusion_pytorch_model.safetensors");
  EXPECT_EQ(shard_name(0, 2), "diffusion_pytorch_model-00001-of-00002.safetensors");
  EXPECT_EQ(shard_name(11, 12), "diffusion_pytorch_model-00012-of-00012.safetensors");
}

}  // namespace
}  // namespace ddpm
