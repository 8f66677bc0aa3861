// Every parameter of the U-Net, and every multiplication, from one walk through its layers.

#include <functional>
#include <numeric>

#include "ddpm/base/check.h"
#include "ddpm/base/text.h"
#include "ddpm/unet/config_internal.h"

namespace ddpm {

namespace {

// One place of the network that has parameters or multiplies.
struct Layer {
  enum Kind { kConv, kLinear, kNorm, kTable, kAttentionProducts };
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
      : config_(config), time_width_(config.embedding_channels()) {}

  std::vector<Layer> layers() {
    const int64_t base = config_.base_channels();
    conv("conv_in", config_.image_channels, base, 3, pixels(0));
    if (config_.learned_times > 0) table("time_proj", config_.learned_times, base);
    linear("time_embedding.linear_1", base, time_width_, 1);
    linear("time_embedding.linear_2", time_width_, time_width_, 1);
    if (config_.classes > 0) table("class_embedding", config_.classes, time_width_);
    skips_ = {base};
    width_ = base;
    for (int64_t level = 0; level < config_.level_count(); ++level) down(level);
    const int64_t middle = width_;
    for (int64_t level = config_.level_count() - 1; level >= 0; --level) up(level);
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
  void table(const std::string& name, int64_t rows, int64_t channels) {
    layers_.push_back({name, Layer::kTable, rows, channels, 1, 0});
  }

  void resnet(const std::string& name, int64_t in, int64_t out, int64_t positions) {
    norm(name + ".norm1", in);
    conv(name + ".conv1", in, out, 3, positions);
    linear(name + ".time_emb_proj", time_width_, (config_.scale_shift ? 2 : 1) * out, 1);
    norm(name + ".norm2", out);
    conv(name + ".conv2", out, out, 3, positions);
    if (in != out) conv(name + ".conv_shortcut", in, out, 1, positions);
  }

  void attention(const std::string& name, int64_t channels, bool normalised, int64_t positions) {
    const int64_t inner = config_.attention_channels(channels);
    if (normalised) norm(name + ".group_norm", channels);
    for (const char* part : {".to_q", ".to_k", ".to_v"}) {
      linear(name + part, channels, inner, positions);
    }
    linear(name + ".to_out.0", inner, channels, positions);
    layers_.push_back({name, Layer::kAttentionProducts, inner, inner, 1, positions});
  }

  void attentions(const std::string& block, int64_t level, int64_t count) {
    for (int64_t j = 0; j < count; ++j) {
      attention(concat(block, ".attentions.", j), config_.level(level).channels, true,
                pixels(level));
    }
  }

  void down(int64_t number) {
    const UNetLevel& level = config_.level(number);
    const std::string block = concat("down_blocks.", number);
    if (level.attention_down) attentions(block, number, config_.blocks_per_level);
    for (int64_t j = 0; j < config_.blocks_per_level; ++j) {
      resnet(concat(block, ".resnets.", j), width_, level.channels, pixels(number));
      width_ = level.channels;
      skips_.push_back(width_);
    }
    if (number == config_.level_count() - 1) return;
    resample(block + ".downsamplers.0", level.down, pixels(number + 1));
    skips_.push_back(width_);
  }

  // diffusers counts the blocks on the way up from the lowest resolution.
  void up(int64_t number) {
    const UNetLevel& level = config_.level(number);
    const std::string block = concat("up_blocks.", config_.level_count() - 1 - number);
    if (level.attention_up) attentions(block, number, config_.blocks_per_level + 1);
    for (int64_t j = 0; j <= config_.blocks_per_level; ++j) {
      resnet(concat(block, ".resnets.", j), width_ + skips_.back(), level.channels, pixels(number));
      width_ = level.channels;
      skips_.pop_back();
    }
    if (number > 0) resample(block + ".upsamplers.0", level.up, pixels(number - 1));
  }

  void resample(const std::string& name, Resampling how, int64_t positions) {
    if (how == Resampling::kResidualBlock) {
      resnet(name, width_, width_, positions);
    } else {
      conv(name + ".conv", width_, width_, 3, positions);
    }
  }

  void mid(int64_t channels) {
    const int64_t positions = pixels(config_.level_count() - 1);
    if (config_.middle_attention) {
      attention("mid_block.attentions.0", channels, config_.groups_of_middle_attention() > 0,
                positions);
    }
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
    if (layer.kind == Layer::kAttentionProducts) continue;
    std::vector<int64_t> weight;
    switch (layer.kind) {
      case Layer::kConv:
        weight = {layer.out, layer.in, layer.kernel, layer.kernel};
        break;
      case Layer::kLinear:
        weight = {layer.out, layer.in};
        break;
      case Layer::kTable:
        weight = {layer.in, layer.out};
        break;
      default:
        weight = {layer.out};
    }
    parameters.push_back({layer.name + ".weight", std::move(weight)});
    if (layer.kind != Layer::kTable) parameters.push_back({layer.name + ".bias", {layer.out}});
  }
  return parameters;
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
    case Layer::kTable:
      break;
  }
  return 0;
}

}  // namespace

std::vector<NamedShape> unet_parameters_unchecked(const UNetConfig& config) {
  return parameters_of(Walk(config).layers());
}

std::vector<NamedShape> unet_parameters(const UNetConfig& config) {
  check_unet_config(config);
  return unet_parameters_unchecked(config);
}

int64_t NamedShape::count() const {
  return std::accumulate(shape.begin(), shape.end(), int64_t{1}, std::multiplies<>());
}

int64_t count_parameters(const UNetConfig& config) {
  int64_t total = 0;
  for (const NamedShape& parameter : unet_parameters(config)) total += parameter.count();
  return total;
}

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
