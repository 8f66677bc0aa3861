#include "ddpm/models/unet.h"

#include <ATen/ops/cat.h>
#include <ATen/ops/linear.h>
#include <ATen/ops/silu.h>

#include "ddpm/base/check.h"
#include "ddpm/models/initialise.h"
#include "ddpm/models/time_embedding.h"

namespace ddpm {

namespace {

const UNetConfig& checked(const UNetConfig& config) {
  check_unet_config(config);
  return config;
}

}  // namespace

UNet::UNet(const UNetConfig& config)
    : config_(checked(config)),
      parameters_(config_),
      conv_in_(parameters_, "conv_in"),
      time1_(parameters_, "time_embedding.linear_1"),
      time2_(parameters_, "time_embedding.linear_2"),
      norm_out_(parameters_, "conv_norm_out", config_),
      conv_out_(parameters_, "conv_out") {
  build_down();
  middle1_.emplace(parameters_, "mid_block.resnets.0", config_, /*has_shortcut=*/false, blocks_++);
  middle_attention_.emplace(parameters_, "mid_block.attentions.0", config_);
  middle2_.emplace(parameters_, "mid_block.resnets.1", config_, /*has_shortcut=*/false, blocks_++);
  build_up();
  use_channels_last(true);
}

UNet::Stage UNet::make_stage(const std::string& prefix, int64_t number, int64_t in, int64_t out,
                             bool attention) {
  Stage stage{ResidualBlock(parameters_, concat(prefix, ".resnets.", number), config_, in != out,
                            blocks_++),
              std::nullopt};
  if (attention) {
    stage.attention.emplace(parameters_, concat(prefix, ".attentions.", number), config_);
  }
  return stage;
}

void UNet::build_down() {
  int64_t channels = config_.base_channels();
  skips_.push_back(channels);
  for (int64_t i = 0; i < config_.level_count(); ++i) {
    const std::string prefix = concat("down_blocks.", i);
    Level level;
    for (int64_t j = 0; j < config_.blocks_per_level; ++j) {
      const int64_t out = config_.level(i).channels;
      level.stages.push_back(make_stage(prefix, j, channels, out, config_.level(i).attention_down));
      channels = out;
      skips_.push_back(channels);
    }
    if (i + 1 < config_.level_count()) {
      level.resample.emplace(parameters_, prefix + ".downsamplers.0.conv");
      skips_.push_back(channels);
    }
    down_.push_back(std::move(level));
  }
}

void UNet::build_up() {
  int64_t channels = config_.levels.back().channels;
  for (int64_t i = 0; i < config_.level_count(); ++i) {
    const int64_t level_number = config_.level_count() - 1 - i;
    const std::string prefix = concat("up_blocks.", i);
    Level level;
    for (int64_t j = 0; j <= config_.blocks_per_level; ++j) {
      const int64_t out = config_.level(level_number).channels;
      level.stages.push_back(make_stage(prefix, j, channels + skips_.back(), out,
                                        config_.level(level_number).attention_up));
      skips_.pop_back();
      channels = out;
    }
    if (level_number > 0) level.resample.emplace(parameters_, prefix + ".upsamplers.0.conv");
    up_.push_back(std::move(level));
  }
  DDPM_ASSERT(skips_.empty());
}

void UNet::initialise(uint64_t seed) { ddpm::initialise(parameters_, seed); }

void UNet::use_channels_last(bool on) {
  channels_last_ = on;
  parameters_.use_channels_last(on);
}

Tensor UNet::embed(const Tensor& timesteps, at::ScalarType type) const {
  const Tensor e = sinusoidal_embedding(timesteps, config_.base_channels()).to(type);
  const Tensor hidden = at::silu(at::linear(e, time1_.weight, time1_.bias));
  return at::linear(hidden, time2_.weight, time2_.bias);
}

Tensor UNet::forward(const Tensor& x, const Tensor& timesteps,
                     const std::optional<DropoutKey>& dropout) const {
  std::optional<BlockDropout> drop;
  if (dropout && config_.dropout > 0.0) drop = BlockDropout{config_.dropout, *dropout};
  const auto run = [&drop](const Stage& stage, const Tensor& h, const Tensor& time) {
    const Tensor out = stage.block(h, time, drop);
    return stage.attention ? (*stage.attention)(out) : out;
  };

  // each residual block begins its use of the embedding with a silu: it is taken once
  const Tensor time = at::silu(embed(timesteps, x.scalar_type()));
  Tensor h = conv3x3(
      conv_in_, channels_last_ ? x.contiguous(at::MemoryFormat::ChannelsLast) : x.contiguous());
  std::vector<Tensor> skips = {h};
  for (const Level& level : down_) {
    for (const Stage& stage : level.stages) {
      h = run(stage, h, time);
      skips.push_back(h);
    }
    if (level.resample) {
      h = downsample(*level.resample, h);
      skips.push_back(h);
    }
  }
  h = (*middle1_)(h, time, drop);
  h = (*middle_attention_)(h);
  h = (*middle2_)(h, time, drop);
  for (const Level& level : up_) {
    for (const Stage& stage : level.stages) {
      h = run(stage, at::cat({h, skips.back()}, 1), time);
      skips.pop_back();
    }
    if (level.resample) h = upsample(*level.resample, h);
  }
  return conv3x3(conv_out_, at::silu(norm_out_(h)));
}

}  // namespace ddpm
