#include "ddpm/formats/safetensors.h"

#include <gtest/gtest.h>

#include <cmath>
#include <cstring>
#include <limits>

#include "ddpm/base/check.h"
#include "ddpm/testing/complaint.h"
#include "ddpm/testing/temporary_folder.h"

namespace ddpm {
namespace {

std::string with_length(uint64_t length, const std::string& rest) {
  std::string file(8, '\0');
  std::memcpy(file.data(), &length, 8);
  return file + rest;
}

// A file of this header and this many bytes of data.
std::string file_of(const std::string& header, size_t data_bytes = 0) {
  return with_length(header.size(), header + std::string(data_bytes, '\0'));
}

std::map<std::string, TensorView> parse(const std::string& file,
                                        std::map<std::string, std::string>* metadata = nullptr) {
  return parse_safetensors(as_bytes(file), "x", metadata);
}

std::string error_of(const std::string& file) {
  return complaint<FormatError>([&] { parse(file); });
}

// The error for a file of one tensor "a" with this entry.
std::string entry_error(const std::string& entry, size_t data_bytes) {
  return error_of(file_of("{\"a\":{" + entry + "}}", data_bytes));
}

void expect_within(const std::string& error, const std::string& part) {
  EXPECT_EQ(error.find("x: "), 0u) << error;
  EXPECT_NE(error.find(part), std::string::npos) << error;
  EXPECT_EQ(error.find('\n'), std::string::npos) << error;
}

TensorToWrite floats(const std::string& name, std::vector<int64_t> shape,
                     const std::vector<float>& values) {
  return {name, DType::kF32, std::move(shape), std::as_bytes(std::span(values))};
}

TEST(Safetensors, ComesBackAsItWasWritten) {
  const std::vector<float> a = {1.5f, -2.0f, 3.25f, 0.0f, 1e-30f, 1e30f};
  const std::vector<float> b = {7.0f};
  const std::vector<int64_t> steps = {1234567890123};
  const std::string file =
      encode_safetensors({floats("b", {}, b),
                          floats("a.weight", {2, 3}, a),
                          {"step", DType::kI64, {1}, std::as_bytes(std::span(steps))},
                          floats("none", {0, 5}, {})},
                         {{"made by", "a test"}});
  std::map<std::string, std::string> metadata;
  const auto tensors = parse(file, &metadata);
  ASSERT_EQ(tensors.size(), 4u);
  EXPECT_EQ(tensors.at("a.weight").shape, (std::vector<int64_t>{2, 3}));
  EXPECT_EQ(tensors.at("a.weight").count(), 6);
  EXPECT_EQ(as_floats(tensors.at("a.weight"), "a"), a);
  EXPECT_EQ(tensors.at("b").count(), 1);
  EXPECT_EQ(as_floats(tensors.at("b"), "b"), b);
  EXPECT_EQ(tensors.at("none").count(), 0);
  EXPECT_EQ(tensors.at("step").dtype, DType::kI64);
  EXPECT_EQ(std::memcmp(tensors.at("step").bytes.data(), steps.data(), 8), 0);
  const std::map<std::string, std::string> expected = {{"format", "pt"}, {"made by", "a test"}};
  EXPECT_EQ(metadata, expected);
}

// By hand: 8 bytes of length, the header with spaces up to a multiple of 8, the data.
TEST(Safetensors, AreWrittenAsTheseBytes) {
  const std::vector<float> one = {1.0f};
  std::string header =
      R"({"__metadata__":{"format":"pt"},"w":{"data_offsets":[0,4],"dtype":"F32","shape":[1]}})";
  header.resize(88, ' ');
  EXPECT_EQ(encode_safetensors({floats("w", {1}, one)}),
            with_length(88, header + std::string("\0\0\x80\x3f", 4)));
}

TEST(Safetensors, AreTheSameBytesInWhateverOrderTheTensorsAreGiven) {
  const std::vector<float> values = {1.0f, 2.0f};
  const TensorToWrite a = floats("a", {2}, values);
  const TensorToWrite b = floats("b", {1, 2}, values);
  EXPECT_EQ(encode_safetensors({a, b}), encode_safetensors({b, a}));
}

TEST(Safetensors, AlignTheDataTo8Bytes) {
  const std::vector<float> values = {1.0f};
  std::string name;
  for (int i = 0; i < 9; ++i) {
    name += 'n';
    EXPECT_EQ((encode_safetensors({floats(name, {1}, values)}).size() - 4) % 8, 0u);
  }
}

TEST(Safetensors, AreNotWrittenIfTheyCouldNotBeRead) {
  const std::vector<float> values = {1.0f, 2.0f};
  EXPECT_THROW(encode_safetensors({floats("a", {2}, values), floats("a", {2}, values)}),
               InvalidArgument);
  EXPECT_THROW(encode_safetensors({floats("__metadata__", {2}, values)}), InvalidArgument);
  EXPECT_THROW(encode_safetensors({floats("a", {3}, values)}), InvalidArgument);
  EXPECT_THROW(encode_safetensors({floats("a", {-1, -2}, values)}), InvalidArgument);
  EXPECT_THROW(encode_safetensors({floats("a", {2, 1, 1, 1, 1, 1, 1, 1, 1}, values)}),
               InvalidArgument);
  EXPECT_THROW(encode_safetensors({floats("\xff", {2}, values)}), InvalidArgument);
}

TEST(Safetensors, AreReadFromAFile) {
  const TemporaryFolder folder;
  const std::vector<float> values = {1.0f, 2.0f};
  const auto path = folder.write("a", encode_safetensors({floats("a", {2}, values)}));
  {
    const SafetensorsFile file(path);
    EXPECT_EQ(file.floats("a", "a"), values);
    EXPECT_EQ(file.bytes("a"), as_text(std::as_bytes(std::span(values))));
    EXPECT_EQ(file.metadata().at("format"), "pt");
  }
  std::filesystem::remove(path);
  EXPECT_THROW(SafetensorsFile{path}, IoError);
}

TEST(Safetensors, MayBeginAtAnyAddress) {
  const std::vector<float> values = {1.0f, -2.0f};
  const std::string file = encode_safetensors({floats("a", {2}, values)});
  for (size_t shift = 0; shift < 8; ++shift) {
    const std::string moved = std::string(shift, ' ') + file;
    const auto tensors = parse_safetensors(as_bytes(moved).subspan(shift), "x", nullptr);
    EXPECT_EQ(as_floats(tensors.at("a"), "a"), values);
  }
}

TEST(Safetensors, MayHaveNoTensorOrEmptyOnes) {
  EXPECT_TRUE(parse(file_of("{}")).empty());
  EXPECT_TRUE(parse(file_of("{}   ")).empty());
  const auto tensors = parse(file_of(R"({"a":{"dtype":"F32","shape":[0,7],"data_offsets":[0,0]},)"
                                     R"("b":{"dtype":"U8","shape":[2],"data_offsets":[0,2]},)"
                                     R"("c":{"dtype":"I8","shape":[0],"data_offsets":[2,2]}})",
                                     2));
  EXPECT_EQ(tensors.size(), 3u);
}

TEST(SafetensorsHeader, MustBeInTheFile) {
  expect_within(error_of("1234567"), "at least 8 bytes, got 7");
  expect_within(error_of(with_length(100'000'001, "{}")), "at most 100000000 bytes, got 100000001");
  expect_within(error_of(with_length(UINT64_MAX - 7, "{}")), "at most 100000000 bytes");
  expect_within(error_of(with_length(3, "{}")), "has 3 bytes, but only 2 follow");
}

TEST(SafetensorsHeader, MustBeOneStrictJsonObject) {
  expect_within(error_of(file_of(" {}")), "must start with '{'");
  expect_within(error_of(file_of("[]")), "must start with '{'");
  expect_within(error_of(file_of("{]")), "header: ");
  expect_within(error_of(file_of("{} {}")), "header: ");
  expect_within(error_of(file_of("{\"\xff\":1}")), "header: ");
  expect_within(error_of(file_of(R"({"a":[[[1]]]})")), "levels deep");
  const std::string entry = R"("a":{"dtype":"U8","shape":[1],"data_offsets":[0,1]})";
  expect_within(error_of(file_of("{" + entry + "," + entry + "}", 1)), "twice");
}

TEST(SafetensorsHeader, HasMetadataOfTextsAlone) {
  expect_within(error_of(file_of(R"({"__metadata__":{"step":7}})")),
                "__metadata__: \"step\" must be a text, got 7");
  expect_within(error_of(file_of(R"({"__metadata__":["a"]})")), "__metadata__ must be an object");
}

TEST(SafetensorsEntry, HasItsThreeKeysAlone) {
  expect_within(error_of(file_of(R"({"a":7})")), "tensor \"a\": must have dtype, shape");
  expect_within(entry_error(R"("dtype":"U8","data_offsets":[0,1])", 1), "must have dtype, shape");
  expect_within(entry_error(R"("dtype":"U8","shape":[1],"data_offsets":[0,1],"b":1)", 1),
                "must have dtype, shape");
}

TEST(SafetensorsEntry, HasAKnownDtype) {
  expect_within(entry_error(R"("dtype":"F33","shape":[1],"data_offsets":[0,1])", 1),
                "tensor \"a\": unknown dtype \"F33\"");
  expect_within(entry_error(R"("dtype":3,"shape":[1],"data_offsets":[0,1])", 1), "unknown dtype 3");
}

TEST(SafetensorsEntry, HasAShapeThatCanBeCounted) {
  const auto error = [](const std::string& shape, size_t bytes) {
    return entry_error("\"dtype\":\"U8\",\"shape\":" + shape + ",\"data_offsets\":[0," +
                           std::to_string(bytes) + "]",
                       bytes);
  };
  EXPECT_EQ(error("[1,1,1,1,1,1,1,2]", 2), "");
  expect_within(error("[1,1,1,1,1,1,1,1,2]", 2), "a list of at most 8 extents");
  expect_within(error("7", 2), "a list of at most 8 extents");
  expect_within(error("[-1]", 2), "shape must have whole numbers");
  expect_within(error("[2.0]", 2), "shape must have whole numbers");
  expect_within(error("[9223372036854775808]", 2), "shape must have whole numbers");
  expect_within(error("[4294967296,4294967296]", 0), "is too large");
  expect_within(error("[4611686018427387904,0,2]", 0), "is too large");
  expect_within(error("[3]", 2), "shape [3] of U8 takes 3 bytes, but data_offsets have 2");
  expect_within(error("[0]", 2), "takes 0 bytes");
}

TEST(SafetensorsEntry, LiesInTheData) {
  const auto error = [](const std::string& offsets, size_t data_bytes) {
    return entry_error("\"dtype\":\"F32\",\"shape\":[2],\"data_offsets\":" + offsets, data_bytes);
  };
  EXPECT_EQ(error("[0,8]", 8), "");
  expect_within(error("[0,8]", 7), "ends at byte 8 of the data, which has 7");
  expect_within(error("[8,0]", 8), "must not fall, got 8 to 0");
  expect_within(error("[0,4,8]", 8), "must be [begin, end]");
  expect_within(error("[0,18446744073709551615]", 8), "data_offsets must have whole numbers");
  expect_within(error("[-8,0]", 8), "data_offsets must have whole numbers");
  expect_within(error("[0,12]", 12), "takes 8 bytes, but data_offsets have 12");
}

TEST(SafetensorsData, IsCoveredByTheTensorsWithoutGapOrOverlap) {
  const auto error = [](const std::string& first, const std::string& second, size_t bytes) {
    const std::string entry = R"({"dtype":"U8","shape":[4],"data_offsets":)";
    return error_of(file_of("{\"a\":" + entry + first + "},\"b\":" + entry + second + "}}", bytes));
  };
  EXPECT_EQ(error("[0,4]", "[4,8]", 8), "");
  EXPECT_EQ(error("[4,8]", "[0,4]", 8), "");
  expect_within(error("[0,4]", "[5,9]", 9),
                "tensor \"b\": begins at byte 5 of the data after a gap of 1");
  expect_within(error("[1,5]", "[5,9]", 9),
                "tensor \"a\": begins at byte 1 of the data after a gap of 1");
  expect_within(error("[0,4]", "[3,7]", 7), "tensor \"b\": overlaps another");
  expect_within(error("[0,4]", "[0,4]", 4), "overlaps another");
  expect_within(error("[0,4]", "[4,8]", 12), "4 trailing bytes after the last tensor");
  expect_within(error_of(file_of("{}", 1)), "1 trailing bytes");
}

TEST(SafetensorsFormat, WhatIsAnotherFileIsNamedWithTheWayOut) {
  EXPECT_EQ(error_of("version https://git-lfs.github.com/spec/v1\noid sha256:0\nsize 9\n"),
            "x: expected safetensors, got a Git LFS pointer, not the file itself; run 'git lfs "
            "pull' in its repository");
  expect_within(error_of("<!DOCTYPE html>\n<html></html>\n"),
                "expected safetensors, got an HTML page");
  expect_within(error_of("{\"error\": \"Repository not found\"}"), "a server's error message");
  expect_within(error_of(std::string(100, '\0')), "zero bytes");
}

// 99 MB of such entries took 3.6 GB.
TEST(SafetensorsFormat, AHeaderOfManySmallEntriesIsRefused) {
  std::string entries;
  for (int i = 0; i < 600'000; ++i) entries += concat("\"", i, "\":\"\",");
  expect_within(error_of(file_of("{\"__metadata__\":{" + entries + "\"a\":\"\"}}")),
                "header: expected values of at most 128 MiB in memory, got more");
}

TEST(Safetensors, RefusesPicklesWithTheCommandThatConvertsThem) {
  const std::string zip = error_of("PK\x03\x04" + std::string(100, '\0'));
  expect_within(zip, "a zip archive, expected safetensors");
  expect_within(zip, "python3 tools/convert_pickle.py ");
  expect_within(error_of("\x80\x02}q\x01."), "a pickle, expected safetensors");
  expect_within(error_of("\x80\x04" + std::string(100, 'x')), "a pickle, expected safetensors");
  // A header of 0x280 bytes begins with a pickle's two bytes; its brace tells.
  std::string header = "{}";
  header.resize(0x280, ' ');
  EXPECT_EQ(error_of(file_of(header)), "");
}

// tests/hostile/formats/make_safetensors.py says which rule each file breaks.
TEST(Safetensors, RefusesEachHostileFile) {
  const std::filesystem::path folder =
      std::filesystem::path(DDPM_SOURCE_DIR) / "tests/hostile/formats/safetensors";
  int files = 0;
  for (const auto& file : std::filesystem::directory_iterator(folder)) {
    EXPECT_THROW(SafetensorsFile{file.path()}, FormatError) << file.path();
    ++files;
  }
  EXPECT_GE(files, 34);
}

TEST(AsFloats, WidensEachHalfToItsValue) {
  std::vector<uint16_t> all(65536);
  for (size_t i = 0; i < all.size(); ++i) all[i] = static_cast<uint16_t>(i);
  const std::vector<float> values =
      as_floats({DType::kF16, {65536}, std::as_bytes(std::span(all))}, "x");
  for (int i = 0; i < 65536; ++i) {
    const int exponent = (i >> 10) & 31;
    const int fraction = i & 1023;
    const double sign = i >= 32768 ? -1.0 : 1.0;
    const float value = values[static_cast<size_t>(i)];
    ASSERT_EQ(std::signbit(value), i >= 32768) << i;
    if (exponent == 31 && fraction != 0) {
      ASSERT_TRUE(std::isnan(value)) << i;
    } else if (exponent == 31) {
      ASSERT_TRUE(std::isinf(value)) << i;
    } else if (exponent == 0) {
      ASSERT_EQ(value, sign * std::ldexp(fraction, -24)) << i;
    } else {
      ASSERT_EQ(value, sign * std::ldexp(1024 + fraction, exponent - 25)) << i;
    }
  }
}

TEST(AsFloats, WidensEachBfloat16ToItsValue) {
  std::vector<uint16_t> all(65536);
  for (size_t i = 0; i < all.size(); ++i) all[i] = static_cast<uint16_t>(i);
  const std::vector<float> values =
      as_floats({DType::kBF16, {65536}, std::as_bytes(std::span(all))}, "x");
  for (int i = 0; i < 65536; ++i) {
    const int exponent = (i >> 7) & 255;
    const int fraction = i & 127;
    const double sign = i >= 32768 ? -1.0 : 1.0;
    const float value = values[static_cast<size_t>(i)];
    ASSERT_EQ(std::signbit(value), i >= 32768) << i;
    if (exponent == 255 && fraction != 0) {
      ASSERT_TRUE(std::isnan(value)) << i;
    } else if (exponent == 255) {
      ASSERT_TRUE(std::isinf(value)) << i;
    } else if (exponent == 0) {
      ASSERT_EQ(value, sign * std::ldexp(fraction, -133)) << i;
    } else {
      ASSERT_EQ(value, sign * std::ldexp(128 + fraction, exponent - 134)) << i;
    }
  }
}

TEST(AsFloats, RoundsDoublesToTheNearest) {
  const std::vector<double> values = {0.1, -1e300, 1.0 + 0x1p-24, 1.0 + 0x1.8p-23};
  const std::vector<float> expected = {0.1f, -std::numeric_limits<float>::infinity(), 1.0f,
                                       1.0f + 0x1p-22f};  // halves go to the even neighbour
  EXPECT_EQ(as_floats({DType::kF64, {4}, std::as_bytes(std::span(values))}, "x"), expected);
}

TEST(AsFloats, RefusesWhatIsNoFloat) {
  const std::vector<int64_t> one = {1};
  EXPECT_THROW(as_floats({DType::kI64, {1}, std::as_bytes(std::span(one))}, "x"), FormatError);
}

TEST(DTypes, HaveTheirNamesAndSizes) {
  EXPECT_STREQ(name_of(DType::kF64), "F64");
  EXPECT_STREQ(name_of(DType::kBool), "BOOL");
  EXPECT_EQ(size_of(DType::kF64), 8);
  EXPECT_EQ(size_of(DType::kBF16), 2);
  EXPECT_EQ(size_of(DType::kI16), 2);
  EXPECT_EQ(size_of(DType::kU8), 1);
}

// What is written piece by piece is the file that is written at once.
TEST(Safetensors, AHeaderAndTheDataInTheOrderOfTheNamesAreTheFile) {
  const std::vector<float> values = {1.0f, -2.0f, 3.0f};
  const auto bytes = std::as_bytes(std::span<const float>(values));
  const std::map<std::string, std::string> metadata = {{"weights", "ema"}};
  const std::string whole = encode_safetensors(
      {{"b", DType::kF32, {1, 2}, bytes.first(8)}, {"a", DType::kF16, {2}, bytes.last(4)}},
      metadata);
  std::string pieces =
      encode_safetensors_header({{"b", DType::kF32, {1, 2}}, {"a", DType::kF16, {2}}}, metadata);
  pieces += as_text(bytes.last(4));
  pieces += as_text(bytes.first(8));
  EXPECT_EQ(pieces, whole);
  EXPECT_THROW(encode_safetensors_header({{"a", DType::kF32, {1}}, {"a", DType::kF32, {1}}}),
               InvalidArgument);
  EXPECT_THROW(encode_safetensors_header({{"a", DType::kF32, {-1}}}), InvalidArgument);
  EXPECT_THROW(encode_safetensors_header({{"a", DType::kF32, {int64_t{1} << 62, 4}}}),
               InvalidArgument);
}

}  // namespace
}  // namespace ddpm
