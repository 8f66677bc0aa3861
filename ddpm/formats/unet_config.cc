#include "ddpm/formats/unet_config.h"

#include <algorithm>
#include <functional>
#include <numeric>

#include "ddpm/base/check.h"
#include "ddpm/base/text.h"

namespace ddpm {

namespace {

// What a configuration may ask for. Far above any network in use, and low enough that no product
// of them overflows and that a hostile file fails before anything is allocated for it.
constexpr int64_t kMostPixelsASide = 16384;
constexpr int64_t kMostChannels = 65536;
constexpr int64_t kMostLevels = 10;
constexpr int64_t kMostBlocks = 64;
constexpr int64_t kMostParameters = int64_t{1} << 36;

// One place of the network that has parameters or multiplies.
struct Layer {
  enum Kind { kConv, kLinear, kNorm, kAttentionProducts };
  std::string name;
  Kind kind;
  int64_t in;
  int64_t out;
  int64_t kernel;     // pixels a side, of a convolution
  int64_t positions;  // where it is evaluated, in an image: pixels, or 1 for the time embedding
};

// Lists the layers in the order of diffusers' modules.
class Walk {
 public:
  explicit Walk(const UNetConfig& config)
      : config_(config), time_width_(4 * config.base_channels) {}

  std::vector<Layer> layers() {
    const int64_t base = config_.base_channels;
    conv("conv_in", config_.image_channels, base, 3, pixels(0));
    linear("time_embedding.linear_1", base, time_width_, 1);
    linear("time_embedding.linear_2", time_width_, time_width_, 1);
    skips_ = {base};
    width_ = base;
    for (int64_t level = 0; level < config_.levels(); ++level) down(level);
    const int64_t middle = width_;
    for (int64_t level = config_.levels() - 1; level >= 0; --level) up(level);
    mid(middle);
    norm("conv_norm_out", base);
    conv("conv_out", base, config_.output_channels(), 3, pixels(0));
    return std::move(layers_);
  }

 private:
  int64_t pixels(int64_t level) const {
    return (config_.height >> level) * (config_.width >> level);
  }

  void conv(const std::string& name, int64_t in, int64_t out, int64_t kernel, int64_t positions) {
    layers_.push_back({name, Layer::kConv, in, out, kernel, positions});
  }
  void linear(const std::string& name, int64_t in, int64_t out, int64_t positions) {
    layers_.push_back({name, Layer::kLinear, in, out, 1, positions});
  }
  void norm(const std::string& name, int64_t channels) {
    layers_.push_back({name, Layer::kNorm, channels, channels, 1, 0});
  }

  void resnet(const std::string& name, int64_t in, int64_t out, int64_t positions) {
    norm(name + ".norm1", in);
    conv(name + ".conv1", in, out, 3, positions);
    linear(name + ".time_emb_proj", time_width_, out, 1);
    norm(name + ".norm2", out);
    conv(name + ".conv2", out, out, 3, positions);
    if (in != out) conv(name + ".conv_shortcut", in, out, 1, positions);
  }

  void attention(const std::string& name, int64_t channels, int64_t positions) {
    norm(name + ".group_norm", channels);
    for (const char* part : {".to_q", ".to_k", ".to_v", ".to_out.0"}) {
      linear(name + part, channels, channels, positions);
    }
    layers_.push_back({name, Layer::kAttentionProducts, channels, channels, 1, positions});
  }

  void attentions(const std::string& block, int64_t level, int64_t count) {
    if (!config_.attention_at(level)) return;
    for (int64_t j = 0; j < count; ++j) {
      attention(concat(block, ".attentions.", j), config_.channels_at(level), pixels(level));
    }
  }

  void down(int64_t level) {
    const std::string block = concat("down_blocks.", level);
    const int64_t channels = config_.channels_at(level);
    attentions(block, level, config_.blocks_per_level);
    for (int64_t j = 0; j < config_.blocks_per_level; ++j) {
      resnet(concat(block, ".resnets.", j), width_, channels, pixels(level));
      width_ = channels;
      skips_.push_back(width_);
    }
    if (level == config_.levels() - 1) return;
    conv(block + ".downsamplers.0.conv", channels, channels, 3, pixels(level + 1));
    skips_.push_back(width_);
  }

  // diffusers counts the blocks on the way up from the lowest resolution.
  void up(int64_t level) {
    const std::string block = concat("up_blocks.", config_.levels() - 1 - level);
    const int64_t channels = config_.channels_at(level);
    attentions(block, level, config_.blocks_per_level + 1);
    for (int64_t j = 0; j <= config_.blocks_per_level; ++j) {
      resnet(concat(block, ".resnets.", j), width_ + skips_.back(), channels, pixels(level));
      width_ = channels;
      skips_.pop_back();
    }
    if (level > 0) conv(block + ".upsamplers.0.conv", channels, channels, 3, pixels(level - 1));
  }

  void mid(int64_t channels) {
    const int64_t positions = pixels(config_.levels() - 1);
    attention("mid_block.attentions.0", channels, positions);
    resnet("mid_block.resnets.0", channels, channels, positions);
    resnet("mid_block.resnets.1", channels, channels, positions);
  }

  const UNetConfig& config_;
  int64_t time_width_;
  int64_t width_ = 0;           // channels of the activation that the next block receives
  std::vector<int64_t> skips_;  // channels of what the way down keeps for the way up
  std::vector<Layer> layers_;
};

std::vector<NamedShape> parameters_of(const std::vector<Layer>& layers) {
  std::vector<NamedShape> parameters;
  for (const Layer& layer : layers) {
    std::vector<int64_t> weight;
    switch (layer.kind) {
      case Layer::kConv:
        weight = {layer.out, layer.in, layer.kernel, layer.kernel};
        break;
      case Layer::kLinear:
        weight = {layer.out, layer.in};
        break;
      case Layer::kNorm:
        weight = {layer.out};
        break;
      case Layer::kAttentionProducts:
        continue;
    }
    parameters.push_back({layer.name + ".weight", std::move(weight)});
    parameters.push_back({layer.name + ".bias", {layer.out}});
  }
  return parameters;
}

int64_t count_values(const std::vector<NamedShape>& parameters) {
  int64_t total = 0;
  for (const NamedShape& parameter : parameters) {
    total += std::accumulate(parameter.shape.begin(), parameter.shape.end(), int64_t{1},
                             std::multiplies<>());
  }
  return total;
}

void check_range(const char* field, int64_t value, int64_t least, int64_t most) {
  DDPM_CHECK(value >= least && value <= most, "unet: ", field, " must be in ", least, " to ", most,
             ", got ", value);
}

void check_channels(const UNetConfig& config) {
  check_range("image_channels", config.image_channels, 1, 4);
  check_range("norm_groups", config.norm_groups, 1, kMostChannels);
  check_range("base_channels", config.base_channels, 4, kMostChannels);
  // The time embedding has a sine and a cosine for each of base_channels / 2 frequencies.
  DDPM_CHECK(config.base_channels % 2 == 0, "unet: base_channels must be even, got ",
             config.base_channels);
  DDPM_CHECK(config.base_channels % config.norm_groups == 0,
             "unet: base_channels must be a multiple of norm_groups, ", config.norm_groups,
             ", got ", config.base_channels);
  check_range("the number of channel_multipliers", config.levels(), 1, kMostLevels);
  for (int64_t multiplier : config.channel_multipliers) {
    check_range("each of channel_multipliers", multiplier, 1, kMostChannels / config.base_channels);
  }
  DDPM_CHECK(config.channel_multipliers[0] == 1,
             "unet: channel_multipliers must start with 1, the level that has base_channels, got ",
             config.channel_multipliers[0]);
  check_range("blocks_per_level", config.blocks_per_level, 1, kMostBlocks);
}

void check_size(const UNetConfig& config) {
  check_range("height", config.height, 1, kMostPixelsASide);
  check_range("width", config.width, 1, kMostPixelsASide);
  const int64_t halvings = config.levels() - 1;
  const int64_t unit = int64_t{1} << halvings;
  if (config.height % unit == 0 && config.width % unit == 0) return;

  const auto rounded_up = [unit](int64_t extent) { return (extent + unit - 1) / unit * unit; };
  const auto size = [](int64_t height, int64_t width) { return concat(height, "x", width); };
  const int64_t lower_height = config.height / unit * unit;
  const int64_t lower_width = config.width / unit * unit;
  const std::string upper = size(rounded_up(config.height), rounded_up(config.width));
  const std::string legal =
      lower_height > 0 && lower_width > 0
          ? concat("sizes are ", size(lower_height, lower_width), " and ", upper)
          : "size is " + upper;
  throw InvalidArgument(concat("unet: image size ", size(config.height, config.width),
                               " cannot be halved ", halvings, halvings == 1 ? " time" : " times",
                               "; the nearest legal ", legal,
                               "; choose one with --image-size and --fit crop, pad or stretch"));
}

void check_attention(const UNetConfig& config) {
  std::vector<int64_t> heights;
  for (int64_t level = 0; level < config.levels(); ++level) {
    heights.push_back(config.height >> level);
  }
  const std::vector<int64_t>& wanted = config.attention_resolutions;
  for (auto resolution = wanted.begin(); resolution != wanted.end(); ++resolution) {
    DDPM_CHECK(std::count(heights.begin(), heights.end(), *resolution) == 1,
               "unet: each of attention_resolutions must be the height of a level, one of ",
               join(heights, ", "), ", got ", *resolution);
    DDPM_CHECK(std::count(wanted.begin(), resolution, *resolution) == 0,
               "unet: each of attention_resolutions must be there once, got ", *resolution,
               " twice");
  }
}

// a * b, for a and b of at least 0.
int64_t product(int64_t a, int64_t b) {
  int64_t result = 0;
  DDPM_CHECK(!__builtin_mul_overflow(a, b, &result),
             "unet: the multiply-adds of one image must be fewer than 2^63");
  return result;
}

int64_t multiply_adds(const Layer& layer) {
  switch (layer.kind) {
    case Layer::kConv:
    case Layer::kLinear:
      return product(layer.in * layer.out * layer.kernel * layer.kernel, layer.positions);
    case Layer::kAttentionProducts:  // queries by keys, then weights by values
      return product(product(2 * layer.positions, layer.positions), layer.in);
    case Layer::kNorm:
      break;
  }
  return 0;
}

}  // namespace

int64_t UNetConfig::channels_at(int64_t level) const {
  return base_channels * channel_multipliers.at(static_cast<size_t>(level));
}

bool UNetConfig::attention_at(int64_t level) const {
  return std::count(attention_resolutions.begin(), attention_resolutions.end(), height >> level) >
         0;
}

void check_unet_config(const UNetConfig& config) {
  check_channels(config);
  check_size(config);
  check_attention(config);
  DDPM_CHECK(config.norm_epsilon > 0.0 && config.norm_epsilon < 1.0,
             "unet: norm_epsilon must be above 0 and below 1, got ", config.norm_epsilon);
  DDPM_CHECK(config.dropout >= 0.0 && config.dropout < 1.0,
             "unet: dropout must be at least 0 and below 1, got ", config.dropout);
  const int64_t parameters = count_values(parameters_of(Walk(config).layers()));
  DDPM_CHECK(parameters <= kMostParameters, "unet: the network must have at most ",
             with_thousands(kMostParameters), " parameters, got ", with_thousands(parameters));
}

std::vector<NamedShape> unet_parameters(const UNetConfig& config) {
  check_unet_config(config);
  return parameters_of(Walk(config).layers());
}

int64_t count_parameters(const UNetConfig& config) { return count_values(unet_parameters(config)); }

int64_t count_multiply_adds(const UNetConfig& config) {
  check_unet_config(config);
  int64_t total = 0;
  for (const Layer& layer : Walk(config).layers()) {
    DDPM_CHECK(!__builtin_add_overflow(total, multiply_adds(layer), &total),
               "unet: the multiply-adds of one image must be fewer than 2^63");
  }
  return total;
}

}  // namespace ddpm
