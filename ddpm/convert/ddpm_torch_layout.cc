// tqch/ddpm-torch: downsamples.level_i, middle, upsamples.level_i, where i is 0 at the size of the
// image on either way.

#include "ddpm/base/text.h"
#include "ddpm/convert/source_layout.h"

namespace ddpm {

namespace {

constexpr LayerWords kResidual[] = {{"norm1", "norm1"},      {"conv1", "conv1"},
                                    {"time_emb_proj", "fc"}, {"norm2", "norm2"},
                                    {"conv2", "conv2"},      {"conv_shortcut", "skip"}};
constexpr BlockWords kWords = {
    .residual = kResidual, .norm = "norm", .qkv = "project_in", .out = "project_out"};

std::string down(int64_t level, int64_t j) { return concat("downsamples.level_", level, ".", j); }
std::string up(int64_t level, int64_t j) { return concat("upsamples.level_", level, ".", j); }

class Reader {
 public:
  explicit Reader(const StateDictionary& dictionary) : names_(dictionary) {}

  SourceLayout layout() {
    read_ends();
    while (has_block(down(levels_, 0))) ++levels_;
    if (levels_ == 0) names_.fail("no downsamples.level_0, wanted the blocks of the top level");
    while (has_block(down(levels_ - 1, blocks_))) ++blocks_;  // the last level only has blocks
    unet().blocks_per_level = blocks_;
    for (int64_t i = 0; i < levels_; ++i) unet().levels.push_back(level(i));
    add_ends();
    for (int64_t i = 0; i < levels_; ++i) add_level(i);
    return std::move(layout_);
  }

 private:
  UNetConfig& unet() { return layout_.unet; }

  // A residual block alone, or as the first of two with attention behind it.
  bool is_attended(const std::string& place) const { return names_.has(place + ".0.norm1.weight"); }
  bool has_block(const std::string& place) const {
    return is_attended(place) || names_.has(place + ".norm1.weight");
  }

  void read_ends() {
    const auto& first = names_.shape("in_conv.weight", 4);
    const auto& last = names_.shape("out_conv.2.weight", 4);
    const int64_t in = first[1];
    if (in > 4) {
      names_.fail("in_conv has ", in,
                  " input channels: its images are cut into squares of "
                  "block_size a side first, which no UNet2DModel does; wanted block_size 1");
    }
    if (last[0] != in) {
      names_.fail("wanted as many channels in out_conv.2 as in_conv is given, ", in, ", got ",
                  last[0], ": ddpm-torch's learned variance is not known here");
    }
    const auto& time = names_.shape("embed.0.weight", 2);
    if (time[1] != first[0]) {
      names_.fail("embed.0 has an embedding of ", time[1], " channels and the top level ", first[0],
                  "; a UNet2DModel has as many of both");
    }
    const bool four_times = time[0] % 4 == 0 && time[0] / 4 == first[0];
    unet() = {.image_channels = in,
              .levels = {},
              .norm_epsilon = 1e-6,
              .dropout = 0.0,
              .time_channels = four_times ? 0 : time[0]};
  }

  UNetLevel level(int64_t i) const {
    const bool attended = is_attended(down(i, 0));
    return {.channels = names_.shape(down(i, 0) + (attended ? ".0" : "") + ".conv2.weight", 4)[0],
            .attention_down = attended,
            .attention_up = is_attended(up(i, 0))};
  }

  void add_ends() {
    build_.layer("conv_in", "in_conv");
    build_.layer("time_embedding.linear_1", "embed.0");
    build_.layer("time_embedding.linear_2", "embed.2");
    build_.residual("mid_block.resnets.0", "middle.0");
    build_.attention("mid_block.attentions.0", "middle.1");
    build_.residual("mid_block.resnets.1", "middle.2");
    build_.layer("conv_norm_out", "out_conv.0");
    build_.layer("conv_out", "out_conv.2");
  }

  void add_block(const std::string& ours, int64_t j, const std::string& theirs, bool attended) {
    build_.residual(concat(ours, ".resnets.", j), theirs + (attended ? ".0" : ""));
    if (attended) build_.attention(concat(ours, ".attentions.", j), theirs + ".1");
  }

  void add_level(int64_t i) {
    const UNetLevel& level = unet().level(i);
    const std::string down_block = concat("down_blocks.", i);
    for (int64_t j = 0; j < blocks_; ++j) {
      add_block(down_block, j, down(i, j), level.attention_down);
    }
    const std::string up_block = concat("up_blocks.", levels_ - 1 - i);
    for (int64_t j = 0; j <= blocks_; ++j) add_block(up_block, j, up(i, j), level.attention_up);
    // behind what pads and what repeats pixels, which have no weights
    build_.layer(down_block + ".downsamplers.0.conv", down(i, blocks_) + ".1");
    build_.layer(up_block + ".upsamplers.0.conv", up(i, blocks_ + 1) + ".1");
  }

  const StateDictionary& names_;
  SourceLayout layout_;
  LayoutBuilder build_{layout_, kWords};
  int64_t levels_ = 0;
  int64_t blocks_ = 0;
};

}  // namespace

SourceLayout ddpm_torch_layout(const StateDictionary& dictionary) {
  return Reader(dictionary).layout();
}

}  // namespace ddpm
