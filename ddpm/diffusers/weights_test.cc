#include "ddpm/diffusers/weights.h"

#include <gtest/gtest.h>

#include <limits>

#include "ddpm/base/check.h"
#include "ddpm/diffusers/parameters.h"
#include "ddpm/testing/complaint.h"
#include "ddpm/testing/diffusers_folder.h"
#include "ddpm/testing/temporary_folder.h"
#include "ddpm/testing/toy_unet.h"

namespace ddpm {
namespace {

namespace fs = std::filesystem;

// A folder and the tensors of the toy, to be put into it in one way or another.
class WeightsIn : public testing::Test {
 protected:
  WeightsIn() : folder_(scratch_.path()), values_(toy_values(toy_unet(), 5.0)) {
    write_text(folder_ / "made", encode_parameters(toy_unet(), {{"", views_of(values_)}}));
    tensors_ = read_tensors(folder_ / "made");
    fs::remove(folder_ / "made");
  }

  ParameterValues read(const std::string& variant = "") const {
    ParameterValues values;
    Weights(find_weights_files(folder_, variant))
        .read(toy_unet(), [&](size_t k, std::vector<float> one) {
          EXPECT_EQ(k, values.size());
          values.push_back(std::move(one));
        });
    return values;
  }

  std::string refusal(const std::string& variant = "") const {
    return complaint<FormatError>([&] { read(variant); });
  }

  fs::path shard(int number, int count = 2) const {
    return folder_ /
           concat("diffusion_pytorch_model-0000", number, "-of-0000", count, ".safetensors");
  }

  Json index() const { return parse_json(read_file(index_path(), 1 << 20), "index"); }
  fs::path index_path() const { return folder_ / "diffusion_pytorch_model.safetensors.index.json"; }

  TemporaryFolder scratch_;
  fs::path folder_;
  ParameterValues values_;
  StoredTensors tensors_;
};

TEST_F(WeightsIn, OneFileOrSeveralAreTheSameNumbers) {
  write_tensors(folder_ / kWeightsName, tensors_);
  EXPECT_EQ(read(), values_);
  fs::remove(folder_ / kWeightsName);
  for (const int64_t count : {1, 2, 5}) {
    write_shards(folder_, tensors_, count);
    EXPECT_EQ(read(), values_) << count;
  }
}

TEST_F(WeightsIn, OldNamesOfAttentionAreReadInShardsToo) {
  const StoredTensors old = with_old_names(tensors_);
  ASSERT_EQ(old.count("mid_block.attentions.0.query.weight"), 1U);
  write_tensors(folder_ / kWeightsName, old);
  EXPECT_EQ(read(), values_);
  fs::remove(folder_ / kWeightsName);
  write_shards(folder_, old, 7);  // an attention lies in two of them
  EXPECT_EQ(read(), values_);
}

// diffusers 0.42.1 looks for an index first.
TEST_F(WeightsIn, AnIndexCountsMoreThanAWholeFile) {
  write_shards(folder_, tensors_, 2);
  write_text(folder_ / kWeightsName, "nothing that can be read");
  EXPECT_EQ(read(), values_);
}

TEST_F(WeightsIn, AVariantIsTakenByItsName) {
  StoredTensors other = tensors_;
  other["conv_in.bias"].bytes.assign(other["conv_in.bias"].bytes.size(), '\0');
  write_tensors(folder_ / kWeightsName, tensors_);
  write_tensors(folder_ / "diffusion_pytorch_model.zero.safetensors", other);
  write_shards(folder_, other, 2, "parts");
  EXPECT_EQ(read(), values_);
  EXPECT_EQ(read("zero")[1], std::vector<float>(4, 0.0f));  // conv_in.bias
  EXPECT_EQ(read("parts"), read("zero"));
  const std::vector<std::string> both = {"parts", "zero"};
  EXPECT_EQ(find_weights_files(folder_, "").variants, both);
  EXPECT_FALSE(find_weights_files(folder_, "").only_variant);
  // the first form of such an index's name
  fs::rename(folder_ / "diffusion_pytorch_model.safetensors.index.parts.json",
             folder_ / "diffusion_pytorch_model.safetensors.parts.index.json");
  EXPECT_EQ(read("parts"), read("zero"));
  EXPECT_EQ(find_weights_files(folder_, "").variants, both);
}

TEST_F(WeightsIn, TheOnlyVariantIsTakenUnasked) {
  write_tensors(folder_ / "diffusion_pytorch_model.fp16.safetensors", tensors_);
  EXPECT_EQ(read(), values_);
  EXPECT_TRUE(find_weights_files(folder_, "").only_variant);
  EXPECT_EQ(find_weights_files(folder_, "").variant, "fp16");
  EXPECT_FALSE(find_weights_files(folder_, "fp16").only_variant);
}

TEST_F(WeightsIn, SeveralVariantsOrAnotherAreListed) {
  const auto message = [&](const std::string& variant) {
    return complaint<InvalidArgument>([&] { find_weights_files(folder_, variant); });
  };
  expect_contains(message("fp16"), "has no weights of variant 'fp16', nor of another");
  write_tensors(folder_ / "diffusion_pytorch_model.fp16.safetensors", tensors_);
  write_tensors(folder_ / "diffusion_pytorch_model.non_ema.safetensors", tensors_);
  expect_contains(message(""), "fp16, non_ema, and none without a name; wanted --variant");
  expect_contains(message("fp61"), "has no weights of variant 'fp61', only of fp16, non_ema");
}

TEST_F(WeightsIn, HalfTheBytesAreTheRoundedNumbers) {
  const auto decoded = [](const ParameterValues& values, float (*round)(float)) {
    ParameterValues rounded = values;
    for (std::vector<float>& one : rounded) {
      for (float& value : one) value = round(value);
    }
    return rounded;
  };
  write_tensors(folder_ / kWeightsName, converted<uint16_t>(tensors_, DType::kF16, [](float value) {
                  return half_bits(rounded_to_half(value));
                }));
  EXPECT_EQ(read(), decoded(values_, rounded_to_half));
  write_tensors(folder_ / kWeightsName, converted<uint16_t>(tensors_, DType::kBF16, bfloat16_bits));
  EXPECT_EQ(read(), decoded(values_, cut_to_bfloat16));
  EXPECT_EQ(Weights(find_weights_files(folder_, "")).dtypes(), std::set<DType>{DType::kBF16});
}

TEST_F(WeightsIn, AShardsDamageIsNamed) {
  write_shards(folder_, tensors_, 2);
  const std::string whole = read_file(shard(2), 1 << 20);
  write_text(shard(2), whole.substr(0, whole.size() - 4));
  expect_contains(refusal(), "00002-of-00002.safetensors: tensor");
  expect_contains(refusal(), "perhaps an incomplete download");
  fs::remove(shard(2));
  expect_contains(refusal(),
                  "00002-of-00002.safetensors: wanted a file of "
                  "diffusion_pytorch_model.safetensors.index.json, got nothing");
  fs::create_symlink("nowhere", shard(2));
  expect_contains(refusal(), "got a link that leads nowhere");
  fs::remove(shard(2));
  fs::create_directory(shard(2));
  expect_contains(refusal(), "got a folder");
}

TEST_F(WeightsIn, AShardMayBeALink) {
  write_shards(folder_, tensors_, 2);
  fs::rename(shard(2), folder_ / "blob");
  fs::create_symlink("blob", shard(2));
  EXPECT_EQ(read(), values_);
}

TEST_F(WeightsIn, ShardsThatTheIndexDescribesWronglyAreRefused) {
  write_shards(folder_, tensors_, 2);
  StoredTensors second = read_tensors(shard(2));
  const StoredTensors as_it_was = second;
  second["conv_in.bias"] = tensors_["conv_in.bias"];
  write_tensors(shard(2), second);
  expect_contains(refusal(),
                  "tensor conv_in.bias is in two files, "
                  "diffusion_pytorch_model-00001-of-00002.safetensors and "
                  "diffusion_pytorch_model-00002-of-00002.safetensors");
  second = as_it_was;
  second["extra"] = tensors_["conv_in.bias"];
  write_tensors(shard(2), second);
  expect_contains(refusal(), "has the tensor extra, which the index does not name");
  second = as_it_was;
  const std::string gone = second.begin()->first;
  second.erase(gone);
  write_tensors(shard(2), second);
  expect_contains(refusal(), "tensor " + gone + " is not in diffusion_pytorch_model-00002");
  write_tensors(shard(2), as_it_was);
  Json index = this->index();
  index["weight_map"]["conv_in.bias"] = shard(2).filename().string();
  write_text(index_path(), json_text(index));
  expect_contains(refusal(),
                  "has the tensor conv_in.bias, which the index names in "
                  "diffusion_pytorch_model-00002-of-00002.safetensors");
}

TEST_F(WeightsIn, ATotalThatIsNotThatOfTheTensorsIsRefused) {
  write_shards(folder_, tensors_, 2);
  Json index = this->index();
  const auto bytes = index["metadata"]["total_size"].get<int64_t>();
  index["metadata"]["total_size"] = bytes / 2;
  write_text(index_path(), json_text(index));
  expect_contains(refusal(), concat("total_size: wanted ", bytes));
  index.erase("metadata");
  write_text(index_path(), json_text(index));
  EXPECT_EQ(refusal(), "");
}

TEST_F(WeightsIn, NumbersThatAreNotFiniteAreCounted) {
  const float bad[] = {std::numeric_limits<float>::quiet_NaN(),
                       -std::numeric_limits<float>::infinity(), 1.0f};
  std::memcpy(tensors_["conv_out.weight"].bytes.data() + 8, bad, sizeof(bad));
  write_tensors(folder_ / kWeightsName, tensors_);
  expect_contains(refusal(), "conv_out.weight has 2 of 36 values that are not finite");
}

TEST_F(WeightsIn, WhatIsNoFloatIsRefusedBeforeAnythingIsRead) {
  tensors_["conv_out.bias"].dtype = DType::kI32;
  write_tensors(folder_ / kWeightsName, tensors_);
  const Weights weights(find_weights_files(folder_, ""));
  int taken = 0;
  expect_contains(complaint<FormatError>([&] {
                    weights.read(toy_unet(), [&](size_t, const std::vector<float>&) { ++taken; });
                  }),
                  "conv_out.bias: expected F64, F32, F16 or BF16, got I32");
  EXPECT_EQ(taken, 0);
}

TEST_F(WeightsIn, OtherTensorsAreRefusedBeforeAnythingIsRead) {
  tensors_.erase("up_blocks.0.resnets.0.conv1.bias");
  write_tensors(folder_ / kWeightsName, tensors_);
  const Weights weights(find_weights_files(folder_, ""));
  int taken = 0;
  expect_contains(complaint<FormatError>([&] {
                    weights.read(toy_unet(), [&](size_t, const std::vector<float>&) { ++taken; });
                  }),
                  "1 missing; no up_blocks.0.resnets.0.conv1.bias");
  EXPECT_EQ(taken, 0);
}

TEST_F(WeightsIn, OnlyPicklesAreRefusedWithTheConversion) {
  write_text(folder_ / "diffusion_pytorch_model.bin", "PK\3\4 and so on");
  expect_contains(refusal(), "python3 tools/convert_pickle.py ");
  fs::remove(folder_ / "diffusion_pytorch_model.bin");
  expect_contains(refusal(), "diffusion_pytorch_model.safetensors: missing");
}

}  // namespace
}  // namespace ddpm
