#include "ddpm/diffusers/shard_index.h"

#include <gtest/gtest.h>

#include <filesystem>

#include "ddpm/base/check.h"
#include "ddpm/base/file.h"
#include "ddpm/testing/complaint.h"

namespace ddpm {
namespace {

std::string error_of(const std::string& text) {
  return complaint<FormatError>([&] { parse_shard_index(text, "index"); });
}

std::string with_file(const std::string& file) {
  return R"({"metadata": {"total_size": 8}, "weight_map": {"a": ")" + file + R"("}})";
}

TEST(ShardIndex, SaysTheFileOfEachTensor) {
  const ShardIndex index = parse_shard_index(
      R"({"metadata": {"total_size": 12, "other": null},
          "weight_map": {"b": "x-2.safetensors", "a": "x-1.safetensors"}})",
      "index");
  const std::map<std::string, std::string> wanted = {{"a", "x-1.safetensors"},
                                                     {"b", "x-2.safetensors"}};
  EXPECT_EQ(index.file_of, wanted);
  EXPECT_EQ(index.total_bytes, 12);
  EXPECT_EQ(parse_shard_index(R"({"weight_map": {"a": "x.safetensors"}})", "index").total_bytes,
            std::nullopt);
}

TEST(ShardIndex, AFileThatIsNotBesideItIsRefused) {
  for (const std::string file : {"../x.safetensors", "/etc/x.safetensors", "sub/x.safetensors",
                                 "..", ".", "", "a\\\\x.safetensors", "x.bin", ".safetensors",
                                 "x.safetensors/", "x\\u0000.safetensors", "x\\n.safetensors"}) {
    const std::string message = error_of(with_file(file));
    EXPECT_NE(message.find("index: tensor \"a\": wanted the plain name"), std::string::npos)
        << file << ": " << message;
    EXPECT_EQ(message.find('\n'), std::string::npos) << message;
  }
  EXPECT_EQ(error_of(with_file("x.safetensors")), "");
  EXPECT_EQ(error_of(with_file("..x.safetensors")), "");
}

TEST(ShardIndex, WhatIsNoIndexIsRefused) {
  for (const char* text :
       {"", "[]", "{}", "3", R"({"weight_map": []})", R"({"weight_map": {}})",
        R"({"weight_map": {"a": 3}})", R"({"weight_map": {"a": "x.safetensors"}, "more": 1})",
        R"({"weight_map": {"a": "x.safetensors", "a": "y.safetensors"}})",
        R"({"weight_map": {"a": "x.safetensors"}, "metadata": 8})",
        R"({"weight_map": {"a": "x.safetensors"}, "metadata": {"total_size": -8}})",
        R"({"weight_map": {"a": "x.safetensors"}, "metadata": {"total_size": 8.5}})",
        R"({"weight_map": {"a": "x.safetensors"}, "metadata": {"total_size": "8"}})",
        R"({"weight_map": {"a": "x.safetensors"},)"
        R"("metadata": {"total_size": 9223372036854775808}})"}) {
    EXPECT_EQ(error_of(text).rfind("index", 0), 0U) << text << ": " << error_of(text);
  }
}

// The files that the fuzzer starts from: each is named after the rule that it breaks.
TEST(ShardIndex, KeptFilesAreRefusedAndTheWholeOneIsRead) {
  int files = 0;
  for (const auto& file : std::filesystem::directory_iterator(
           std::filesystem::path(DDPM_SOURCE_DIR) / "tests/hostile/formats/shard_index")) {
    const std::string message = error_of(read_file(file.path(), 1 << 20));
    EXPECT_EQ(message.empty(), file.path().filename() == "whole") << file.path() << message;
    ++files;
  }
  EXPECT_GE(files, 6);
}

}  // namespace
}  // namespace ddpm
