// improved-diffusion and guided-diffusion: input_blocks, middle_block, output_blocks.
//
// With n residual blocks a level, input_blocks has conv_in, then for each level, the size of the
// image first, n blocks and, but for the last, one that makes the next size. output_blocks begins
// with the lowest resolution and has n + 1 blocks a level; the last of them holds what makes the
// next size.

#include <algorithm>

#include "ddpm/base/text.h"
#include "ddpm/convert/source_layout.h"

namespace ddpm {

namespace {

constexpr LayerWords kResidual[] = {
    {"norm1", "in_layers.0"},  {"conv1", "in_layers.2"},  {"time_emb_proj", "emb_layers.1"},
    {"norm2", "out_layers.0"}, {"conv2", "out_layers.3"}, {"conv_shortcut", "skip_connection"}};
constexpr BlockWords kWords = {
    .residual = kResidual, .norm = "norm", .qkv = "qkv", .out = "proj_out"};

std::string input(int64_t k) { return concat("input_blocks.", k); }
std::string output(int64_t k) { return concat("output_blocks.", k); }

class Reader {
 public:
  explicit Reader(const StateDictionary& dictionary) : names_(dictionary) {}

  SourceLayout layout() {
    read_ends();
    count_blocks();
    read_time();
    for (int64_t i = 0; i < levels_; ++i) unet().levels.push_back(level(i));
    add_ends();
    for (int64_t i = 0; i < levels_; ++i) {
      add_down(i);
      add_up(i);
    }
    return std::move(layout_);
  }

  bool resamples_in_blocks() const {
    return levels_ > 1 && is_residual(concat(input(per_level()), ".0"));
  }

 private:
  UNetConfig& unet() { return layout_.unet; }
  int64_t per_level() const { return blocks_ + 1; }  // entries of either list
  bool is_residual(const std::string& place) const {
    return names_.has(place + ".in_layers.0.weight");
  }
  bool is_attention(const std::string& place) const { return names_.has(place + ".qkv.weight"); }

  // Where the last block of a level has what makes the next size: behind the attention.
  std::string upsampler(int64_t k) const {
    return concat(output(k), ".", is_attention(output(k) + ".1") ? 2 : 1);
  }
  bool upsamples(int64_t k) const {
    return is_residual(upsampler(k)) || names_.has(upsampler(k) + ".conv.weight");
  }

  // The channels of the images.
  void read_ends() {
    if (!is_residual("output_blocks.0.0")) {
      names_.fail("has no output_blocks: a classifier, not a network that predicts noise");
    }
    const auto& first = names_.shape("input_blocks.0.0.weight", 4);
    const auto& last = names_.shape("out.2.weight", 4);
    base_ = first[0];
    const int64_t in = first[1];
    if (in == 6 || (in < 6 && in % 2 == 0 && in / 2 == last[0])) {
      names_.fail("input_blocks.0.0 has ", in,
                  " input channels: a super-resolution model, which is given a small image beside "
                  "the noisy one; a UNet2DModel is given the noisy one alone");
    }
    const bool twice = last[0] % 2 == 0 && last[0] / 2 == in;
    if (in > 4 || !(last[0] == in || twice)) {
      names_.fail("wanted 1 to 4 input channels and as many output channels or twice as many, got ",
                  in, " in input_blocks.0.0 and ", last[0], " in out.2");
    }
    unet() = {.image_channels = in,
              .levels = {},
              .norm_epsilon = 1e-5,
              .dropout = 0.0,
              .learned_variance = last[0] != in,
              .downsample_padding = 1,
              .cosine_first = true,
              .frequency_shift = 0};
  }

  // Blocks a level and levels, from where output_blocks makes the next size.
  void count_blocks() {
    int64_t outputs = 0;
    int64_t ends = 0;
    while (is_residual(output(outputs) + ".0")) {
      if (upsamples(outputs) && ends++ == 0) blocks_ = outputs;
      ++outputs;
    }
    if (ends == 0) blocks_ = outputs - 1;
    if (blocks_ < 1) names_.fail("output_blocks has no two blocks of a level, wanted them");
    levels_ = outputs / per_level();
    int64_t inputs = 1;
    while (is_residual(input(inputs) + ".0") || names_.has(input(inputs) + ".0.op.weight")) {
      ++inputs;
    }
    if (outputs % per_level() != 0 || inputs != levels_ * per_level()) {
      names_.fail(
          "wanted levels of as many blocks each, with a layer that resamples between two "
          "of them, got ",
          inputs, " input_blocks and ", outputs, " output_blocks, ", ends,
          " of which resample; a network that resamples without weights is no "
          "UNet2DModel");
    }
    unet().blocks_per_level = blocks_;
  }

  void read_time() {
    const auto& time = names_.shape("time_embed.0.weight", 2);
    if (time[1] != base_) {
      names_.fail("time_embed.0 has an embedding of ", time[1], " channels and the top level ",
                  base_, "; a UNet2DModel has as many of both");
    }
    const bool four_times = time[0] % 4 == 0 && time[0] / 4 == base_;
    unet().time_channels = four_times ? 0 : time[0];
    const auto& first = names_.shape("input_blocks.1.0.out_layers.3.weight", 4);
    const auto& embedded = names_.shape("input_blocks.1.0.emb_layers.1.weight", 2);
    unet().scale_shift = embedded[0] % 2 == 0 && embedded[0] / 2 == first[0];
    // without it diffusers has no normalisation in this attention of such a network
    if (unet().scale_shift) unet().middle_attention_groups = unet().norm_groups;
    if (names_.has("label_emb.weight")) unet().classes = names_.shape("label_emb.weight", 2)[0];
  }

  UNetLevel level(int64_t i) const {
    const auto how = [this](const std::string& place) {
      return is_residual(place) ? Resampling::kResidualBlock : Resampling::kConvolution;
    };
    const std::string first = input(1 + i * per_level());
    const int64_t up = (levels_ - 1 - i) * per_level();
    UNetLevel level{.channels = names_.shape(first + ".0.out_layers.3.weight", 4)[0],
                    .attention_down = is_attention(first + ".1"),
                    .attention_up = is_attention(output(up) + ".1")};
    if (levels_ == 1) return level;
    if (i + 1 < levels_) level.down = how(input((i + 1) * per_level()) + ".0");
    if (i > 0) level.up = how(upsampler(up + blocks_));
    return level;
  }

  void add_ends() {
    build_.layer("conv_in", "input_blocks.0.0");
    build_.layer("time_embedding.linear_1", "time_embed.0");
    build_.layer("time_embedding.linear_2", "time_embed.2");
    build_.layer("class_embedding", "label_emb");
    build_.residual("mid_block.resnets.0", "middle_block.0");
    build_.attention("mid_block.attentions.0", "middle_block.1");
    build_.residual("mid_block.resnets.1", "middle_block.2");
    build_.layer("conv_norm_out", "out.0");
    build_.layer("conv_out", "out.2");
  }

  void add_down(int64_t i) {
    const std::string ours = concat("down_blocks.", i);
    for (int64_t j = 0; j < blocks_; ++j) {
      const std::string theirs = input(1 + i * per_level() + j);
      build_.residual(concat(ours, ".resnets.", j), theirs + ".0");
      build_.attention(concat(ours, ".attentions.", j), theirs + ".1");
    }
    if (i == levels_ - 1) return;
    const std::string place = input((i + 1) * per_level()) + ".0";
    if (unet().level(i).down == Resampling::kResidualBlock) {
      build_.residual(ours + ".downsamplers.0", place);
    } else {
      build_.layer(ours + ".downsamplers.0.conv", place + ".op");
    }
  }

  void add_up(int64_t i) {
    const int64_t block = levels_ - 1 - i;
    const std::string ours = concat("up_blocks.", block);
    for (int64_t j = 0; j < per_level(); ++j) {
      const std::string theirs = output(block * per_level() + j);
      build_.residual(concat(ours, ".resnets.", j), theirs + ".0");
      build_.attention(concat(ours, ".attentions.", j), theirs + ".1");
    }
    if (i == 0) return;
    const std::string place = upsampler(block * per_level() + blocks_);
    if (unet().level(i).up == Resampling::kResidualBlock) {
      build_.residual(ours + ".upsamplers.0", place);
    } else {
      build_.layer(ours + ".upsamplers.0.conv", place + ".conv");
    }
  }

  const StateDictionary& names_;
  SourceLayout layout_;
  LayoutBuilder build_{layout_, kWords};
  int64_t base_ = 0;    // channels of the top level
  int64_t blocks_ = 0;  // n
  int64_t levels_ = 0;
};

}  // namespace

SourceLayout openai_layout(const StateDictionary& dictionary, SourceSystem system) {
  Reader reader(dictionary);
  SourceLayout layout = reader.layout();
  DDPM_CHECK(system == SourceSystem::kGuidedDiffusion || !reader.resamples_in_blocks(),
             dictionary.who,
             ": resamples in residual blocks, which improved-diffusion's networks do not; --from "
             "openai-guided");
  return layout;
}

}  // namespace ddpm
