#include "ddpm/models/unet.h"

#include <ATen/TensorOperators.h>
#include <ATen/ops/cat.h>
#include <ATen/ops/embedding.h>
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

Tensor table(const ParameterSet& parameters, const char* name, int64_t rows) {
  return rows > 0 ? parameters.at(name) : Tensor();
}

// The residual blocks that resample are numbered behind all others, so that a network's masks of
// dropout do not depend on how its levels hand on.
int64_t first_resampling_number(const UNetConfig& config) {
  constexpr int64_t kInMiddle = 2;
  return config.level_count() * (2 * config.blocks_per_level + 1) + kInMiddle;
}

}  // namespace

UNet::UNet(const UNetConfig& config)
    : config_(checked(config)),
      parameters_(config_),
      conv_in_(parameters_, "conv_in"),
      time_table_(table(parameters_, "time_proj.weight", config.learned_times)),
      time1_(parameters_, "time_embedding.linear_1"),
      time2_(parameters_, "time_embedding.linear_2"),
      class_table_(table(parameters_, "class_embedding.weight", config.classes)),
      norm_out_(parameters_, "conv_norm_out", config_),
      conv_out_(parameters_, "conv_out") {
  build_down();
  build_middle();
  build_up();
  use_channels_last(true);
}

UNet::Stage UNet::make_stage(const std::string& prefix, int64_t number, int64_t in, int64_t out,
                             bool attention) {
  Stage stage{ResidualBlock(parameters_, concat(prefix, ".resnets.", number), config_,
                            {.number = blocks_++, .has_shortcut = in != out}),
              std::nullopt};
  if (attention) {
    stage.attention.emplace(parameters_, concat(prefix, ".attentions.", number), config_, out,
                            config_.norm_groups, /*scale=*/1.0);
  }
  return stage;
}

void UNet::build_resampling(Level& level, const std::string& prefix, Resampling how,
                            BlockPlace::Size size, int64_t number) {
  if (how == Resampling::kConvolution) {
    level.convolution.emplace(parameters_, prefix + ".conv");
  } else {
    level.block.emplace(
        parameters_, prefix, config_,
        BlockPlace{.number = first_resampling_number(config_) + number, .size = size});
  }
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
      build_resampling(level, prefix + ".downsamplers.0", config_.level(i).down,
                       BlockPlace::Size::kHalf, i);
      skips_.push_back(channels);
    }
    down_.push_back(std::move(level));
  }
}

void UNet::build_middle() {
  const double scale = config_.middle_scale;
  middle1_.emplace(parameters_, "mid_block.resnets.0", config_,
                   BlockPlace{.number = blocks_++, .scale = scale});
  if (config_.middle_attention) {
    middle_attention_.emplace(parameters_, "mid_block.attentions.0", config_,
                              config_.levels.back().channels, config_.groups_of_middle_attention(),
                              scale);
  }
  middle2_.emplace(parameters_, "mid_block.resnets.1", config_,
                   BlockPlace{.number = blocks_++, .scale = scale});
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
    if (level_number > 0) {
      build_resampling(level, prefix + ".upsamplers.0", config_.level(level_number).up,
                       BlockPlace::Size::kDouble, config_.level_count() + i);
    }
    up_.push_back(std::move(level));
  }
  DDPM_ASSERT(skips_.empty());
  DDPM_ASSERT(blocks_ == first_resampling_number(config_));
}

void UNet::initialise(uint64_t seed) { ddpm::initialise(parameters_, seed); }

void UNet::use_channels_last(bool on) {
  channels_last_ = on;
  parameters_.use_channels_last(on);
}

Tensor UNet::embed(const Tensor& timesteps, const Tensor& labels, at::ScalarType type) const {
  DDPM_CHECK(labels.defined() == class_table_.defined(), "network: wanted ",
             class_table_.defined() ? "a label an image, got none" : "no labels, got some");
  const Tensor e = time_table_.defined()
                       ? at::embedding(time_table_, timesteps)
                       : sinusoidal_embedding(timesteps, config_.base_channels(),
                                              config_.frequency_shift, config_.cosine_first)
                             .to(type);
  const Tensor hidden = at::silu(at::linear(e, time1_.weight, time1_.bias));
  const Tensor embedding = at::linear(hidden, time2_.weight, time2_.bias);
  return labels.defined() ? embedding + at::embedding(class_table_, labels) : embedding;
}

Tensor UNet::enter(const Tensor& x) const {
  const Tensor centred = config_.center_input ? 2.0 * x - 1.0 : x;
  return conv3x3(conv_in_, channels_last_ ? centred.contiguous(at::MemoryFormat::ChannelsLast)
                                          : centred.contiguous());
}

Tensor UNet::Stage::operator()(const Tensor& x, const Pass& pass) const {
  const Tensor h = block(x, pass.time, pass.drop);
  return attention ? (*attention)(h) : h;
}

Tensor UNet::go_down(Tensor h, Pass& pass) const {
  pass.skips.push_back(h);
  for (size_t i = 0; i < down_.size(); ++i) {
    for (const Stage& stage : down_[i].stages) {
      h = stage(h, pass);
      pass.skips.push_back(h);
    }
    if (i + 1 < down_.size()) {
      h = down_[i].block ? (*down_[i].block)(h, pass.time, pass.drop)
                         : downsample(*down_[i].convolution, h, config_.downsample_padding);
      pass.skips.push_back(h);
    }
    if (pass.call.observe) pass.call.observe(concat("down_blocks.", i), h);
  }
  return h;
}

Tensor UNet::through_middle(Tensor h, const Pass& pass) const {
  h = (*middle1_)(h, pass.time, pass.drop);
  if (middle_attention_) h = (*middle_attention_)(h);
  h = (*middle2_)(h, pass.time, pass.drop);
  if (pass.call.observe) pass.call.observe("mid_block", h);
  return h;
}

Tensor UNet::go_up(Tensor h, Pass& pass) const {
  for (size_t i = 0; i < up_.size(); ++i) {
    for (const Stage& stage : up_[i].stages) {
      h = stage(at::cat({h, pass.skips.back()}, 1), pass);
      pass.skips.pop_back();
    }
    if (i + 1 < up_.size()) {
      h = up_[i].block ? (*up_[i].block)(h, pass.time, pass.drop)
                       : upsample(*up_[i].convolution, h);
    }
    if (pass.call.observe) pass.call.observe(concat("up_blocks.", i), h);
  }
  return h;
}

Tensor UNet::forward(const Tensor& x, const Tensor& timesteps, const UNetCall& call) const {
  // each residual block begins its use of the embedding with a silu: it is taken once
  Pass pass{call, at::silu(embed(timesteps, call.labels, x.scalar_type())), std::nullopt, {}};
  if (call.dropout && config_.dropout > 0.0) {
    pass.drop = BlockDropout{config_.dropout, *call.dropout};
  }
  Tensor h = enter(x);
  if (call.observe) call.observe("conv_in", h);
  h = go_up(through_middle(go_down(h, pass), pass), pass);
  h = norm_out_(h);
  if (call.observe) call.observe("conv_norm_out", h);
  return conv3x3(conv_out_, at::silu(h));
}

}  // namespace ddpm
