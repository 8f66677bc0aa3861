#include "ddpm/diffusers/attention_names.h"

#include <gtest/gtest.h>

#include "ddpm/base/check.h"
#include "ddpm/testing/complaint.h"

namespace ddpm {
namespace {

// The table of huggingface/diffusers' conversion, for weights and biases.
const std::map<std::string, std::string> kTable = {
    {"mid_block.attentions.0.query.weight", "mid_block.attentions.0.to_q.weight"},
    {"mid_block.attentions.0.key.bias", "mid_block.attentions.0.to_k.bias"},
    {"up_blocks.1.attentions.12.value.weight", "up_blocks.1.attentions.12.to_v.weight"},
    {"down_blocks.0.attentions.1.proj_attn.bias", "down_blocks.0.attentions.1.to_out.0.bias"},
    {"attentions.0.query.weight", "attentions.0.to_q.weight"}};

// Names that have no other form.
const std::vector<std::string> kOthers = {"mid_block.attentions.0.group_norm.weight",
                                          "down_blocks.0.resnets.1.conv1.weight",
                                          "conv_in.bias",
                                          "query.weight",
                                          "my_attentions.0.query.weight",
                                          "mid_block.attentions.x.query.weight",
                                          "mid_block.attentions.0.query",
                                          "mid_block.attentions.0.",
                                          "attentions.",
                                          ""};

std::string error_of(const std::vector<std::string>& names) {
  return complaint<FormatError>([&] { with_new_attention_names(names, "file"); });
}

TEST(AttentionNames, AreTranslatedBothWays) {
  for (const auto& [then, now] : kTable) {
    EXPECT_EQ(new_attention_name(then), now);
    EXPECT_EQ(old_attention_name(now), then);
    EXPECT_EQ(new_attention_name(now), now);
    EXPECT_EQ(old_attention_name(then), then);
  }
}

TEST(AttentionNames, OtherNamesStayAsTheyAre) {
  for (const std::string& name : kOthers) {
    EXPECT_EQ(new_attention_name(name), name);
    EXPECT_EQ(old_attention_name(name), name);
  }
}

TEST(AttentionNames, AFileOfOldOnesIsReadByTheNewOnes) {
  std::vector<std::string> names = kOthers;
  std::map<std::string, std::string> wanted;
  for (const std::string& name : kOthers) wanted[name] = name;
  for (const auto& [then, now] : kTable) {
    names.push_back(then);
    wanted[now] = then;
  }
  EXPECT_EQ(with_new_attention_names(names, "file"), wanted);
}

TEST(AttentionNames, OneAttentionMayBeOldAndAnotherNew) {
  const std::vector<std::string> names = {"a.attentions.0.query.weight",
                                          "a.attentions.1.to_q.weight"};
  EXPECT_EQ(error_of(names), "");
}

TEST(AttentionNames, BothFormsInOneAttentionAreRefusedByItsName) {
  EXPECT_EQ(error_of({"a.attentions.0.query.weight", "a.attentions.0.to_q.weight"}),
            "file: a.attentions.0 has names of two forms, query beside to_q; wanted one of them");
  // and one that was converted in part
  EXPECT_EQ(error_of({"a.attentions.3.to_k.weight", "a.attentions.3.proj_attn.bias"}),
            "file: a.attentions.3 has names of two forms, proj_attn beside to_k; wanted one of "
            "them");
}

TEST(AttentionNames, ANameThatWasConvertedTwiceIsRefused) {
  EXPECT_EQ(error_of({"a.attentions.0.to_to_k.weight"}),
            "file: a.attentions.0.to_to_k.weight was converted twice: wanted "
            "a.attentions.0.to_k.weight");
}

}  // namespace
}  // namespace ddpm
