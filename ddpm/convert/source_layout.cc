#include "ddpm/convert/source_layout.h"

#include "ddpm/base/text.h"

namespace ddpm {

namespace {

// What a UNet2DModel does otherwise, the first layers first.
struct Difference {
  const char* name;  // behind which this is told
  const char* said;
};
constexpr Difference kLucidrainsDifferences[] = {
    {"downs.0.0.block1.norm.g",
     "divides by the length over all channels, where ours normalises "
     "groups of them"},
    {"mid_attn.mem_kv", "gives attention a memory, which ours has not"},
};

}  // namespace

void LayoutBuilder::layer(const std::string& ours, const std::string& theirs) {
  layout_.layers[ours] = {.theirs = theirs};
}

void LayoutBuilder::residual(const std::string& ours, const std::string& theirs) {
  for (const LayerWords& words : words_.residual) {
    layer(concat(ours, ".", words.ours), concat(theirs, ".", words.theirs));
  }
}

void LayoutBuilder::attention(const std::string& ours, const std::string& theirs) {
  layer(ours + ".group_norm", concat(theirs, ".", words_.norm));
  const std::string qkv = concat(theirs, ".", words_.qkv);
  layout_.layers[ours + ".to_q"] = {.theirs = qkv, .piece = Piece::kQueries, .pointwise = true};
  layout_.layers[ours + ".to_k"] = {.theirs = qkv, .piece = Piece::kKeys, .pointwise = true};
  layout_.layers[ours + ".to_v"] = {.theirs = qkv, .piece = Piece::kValues, .pointwise = true};
  layout_.layers[ours + ".to_out.0"] = {.theirs = concat(theirs, ".", words_.out),
                                        .pointwise = true};
}

void refuse_lucidrains(const StateDictionary& dictionary) {
  const std::string why = "lucidrains' network is no UNet2DModel: ";
  const std::vector<int64_t>& first = dictionary.shape("init_conv.weight", 4);
  if (first[2] != 3) {
    dictionary.fail(why, "init_conv is ", first[2], "x", first[3], " where conv_in is 3x3");
  }
  for (const Difference& difference : kLucidrainsDifferences) {
    if (dictionary.has(difference.name)) {
      dictionary.fail(why, difference.name, " ", difference.said);
    }
  }
  dictionary.fail(why, "it normalises behind its convolutions, where ours does before them");
}

SourceLayout source_layout(const StateDictionary& dictionary, SourceSystem system) {
  if (system == SourceSystem::kLucidrains) refuse_lucidrains(dictionary);
  if (system == SourceSystem::kDdpmTorch) return ddpm_torch_layout(dictionary);
  return openai_layout(dictionary, system);
}

}  // namespace ddpm
