#include "ddpm/onnx/write.h"

#include <gtest/gtest.h>

#include <cstring>
#include <numeric>

#include "ddpm/base/check.h"
#include "ddpm/base/version.h"
#include "ddpm/testing/complaint.h"
#include "ddpm/testing/onnx_decoded.h"
#include "ddpm/testing/temporary_folder.h"

namespace ddpm {
namespace {

namespace fs = std::filesystem;

std::string joined(const std::vector<std::string_view>& parts) {
  std::string bytes;
  for (const std::string_view part : parts) bytes += part;
  return bytes;
}

// That of tests/golden/onnx/make.py.
const std::vector<float> kW = {1.5F, -2.0F};

OnnxModel tiny_model() {
  OnnxGraph graph("tiny", "a graph");
  graph.input({"x", OnnxType::kFloat, {"N", int64_t{1}, int64_t{3}, int64_t{400}}, "an image"});
  graph.parameter("w", {2, 1, 1, 1}, kW);
  graph.constant("s", {2}, std::vector<int64_t>{1, 300});
  graph.add({"Conv",
             "conv",
             {"x", "w"},
             {"y"},
             {{"group", int64_t{1}}, {"kernel_shape", std::vector<int64_t>{1, 1}}}});
  graph.add({"Elu", "elu", {"y"}, {"e"}, {{"alpha", 0.5F}}});
  graph.add({"Resize", "resize", {"e", "", "s"}, {"a", "b"}, {{"mode", std::string("nearest")}}});
  graph.output({"a", OnnxType::kFloat, {"N"}, ""});
  graph.output({"b", OnnxType::kInt64, {}, ""});
  return {std::move(graph), "a model", {{"key", "value"}, {"other", ""}}};
}

TEST(OnnxWrite, GivesTheBytesThatThePackageOnnxGives) {
  std::string golden =
      read_file(fs::path(DDPM_SOURCE_DIR) / "tests" / "golden" / "onnx" / "tiny.onnx", 10000);
  const std::string placeholder = "\x1a\x07VERSION";  // producer_version: ours
  const std::string version = kVersion;
  golden.replace(golden.find(placeholder), placeholder.size(),
                 std::string("\x1a") + static_cast<char>(version.size()) + version);
  EXPECT_EQ(joined(encode_onnx(tiny_model()).model), golden);
}

// Two tensors of 1200 and 4400 bytes and a small one.
class OnnxFiles : public testing::Test {
 protected:
  OnnxFiles() : a_(300), b_(1100) {
    std::iota(a_.begin(), a_.end(), 1.0F);
    std::iota(b_.begin(), b_.end(), -5000.0F);
  }

  OnnxModel model() const {
    OnnxGraph graph("two");
    graph.input({"x", OnnxType::kFloat, {"N"}, ""});
    graph.parameter("a", {3, 100}, a_);
    graph.parameter("b", {1100}, b_);
    graph.constant("small", {2}, std::vector<int64_t>{7, 8});
    graph.output(
        {graph.node("Concat", "y", {"a", "b", "small", "x"}), OnnxType::kFloat, {"N"}, ""});
    return {std::move(graph), "", {}};
  }
  static std::string bytes_of(const std::vector<float>& values) {
    return std::string(as_text(std::as_bytes(std::span(values))));
  }
  // What a reader finds: of one tensor, inside or beside.
  std::string tensor_bytes(const fs::path& file, const std::string& name) const {
    const DecodedTensor tensor = decode_onnx(read_file(file, 100000)).tensors.at(name);
    if (!tensor.external) return tensor.bytes;
    EXPECT_EQ(tensor.bytes, "");
    const std::string data = read_file(folder_ / tensor.place.at("location"), 100000);
    return data.substr(std::stoul(tensor.place.at("offset")),
                       std::stoul(tensor.place.at("length")));
  }

  const TemporaryFolder folder_;
  std::vector<float> a_;
  std::vector<float> b_;
};

TEST_F(OnnxFiles, OneFileHoldsAllThatFits) {
  const fs::path path = folder_ / "m.onnx";
  EXPECT_EQ(write_onnx(path, model()), std::vector<fs::path>{path});
  EXPECT_EQ(tensor_bytes(path, "a"), bytes_of(a_));
  EXPECT_EQ(tensor_bytes(path, "b"), bytes_of(b_));
  EXPECT_EQ(folder_.entries(), 1);
}

TEST_F(OnnxFiles, NumbersLieBesideOnPagesOfTheirOwnWhereThatIsAskedFor) {
  const fs::path path = folder_ / "m.onnx";
  const fs::path data = folder_ / "m.onnx.data";
  EXPECT_EQ(write_onnx(path, model(), {.external_data = true}),
            (std::vector<fs::path>{path, data}));
  const DecodedModel read = decode_onnx(read_file(path, 100000));
  EXPECT_EQ(read.tensors.at("a").place.at("location"), "m.onnx.data");
  EXPECT_EQ(read.tensors.at("a").place.at("offset"), "0");
  EXPECT_EQ(read.tensors.at("a").place.at("length"), "1200");
  EXPECT_EQ(read.tensors.at("b").place.at("offset"), "4096");
  EXPECT_FALSE(read.tensors.at("small").external);
  EXPECT_EQ(tensor_bytes(path, "a"), bytes_of(a_));
  EXPECT_EQ(tensor_bytes(path, "b"), bytes_of(b_));
  EXPECT_EQ(fs::file_size(data), 3U * 4096U);  // 4096 + 4400, filled up
}

TEST_F(OnnxFiles, AModelThatIsTooLargeForOneFileBecomesTwo) {
  const auto whole = size_of(encode_onnx(model()).model);
  const fs::path path = folder_ / "m.onnx";
  EXPECT_EQ(write_onnx(path, model(), {.largest_file = whole}).size(), 1U);
  EXPECT_EQ(write_onnx(path, model(), {.largest_file = whole - 1}).size(), 2U);
  EXPECT_EQ(tensor_bytes(path, "b"), bytes_of(b_));
}

TEST_F(OnnxFiles, AGraphThatIsTooLargeWithoutItsNumbersIsRefusedAndNothingWritten) {
  expect_contains(complaint<InvalidArgument>(
                      [&] { write_onnx(folder_ / "m.onnx", model(), {.largest_file = 100}); }),
                  "at most 100 bytes, got ");
  EXPECT_TRUE(fs::is_empty(folder_));
}

TEST_F(OnnxFiles, AFolderThatIsNotThereIsToldOf) {
  EXPECT_THROW(write_onnx(folder_ / "none" / "m.onnx", model()), IoError);
}

}  // namespace
}  // namespace ddpm
