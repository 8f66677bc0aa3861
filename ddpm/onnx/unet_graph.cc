#include "ddpm/onnx/unet_graph.h"

#include <cmath>
#include <limits>

#include "ddpm/base/check.h"
#include "ddpm/base/text.h"
#include "ddpm/unet/embedding_frequencies.h"

namespace ddpm {

namespace {

using Ints = std::vector<int64_t>;

constexpr int64_t kToTheEnd = -1;  // in a shape: whatever is left
constexpr int64_t kAsItIs = 0;     // in a shape: the extent that is there, of the batch

// Builds the graph in the order in which the network is evaluated. Every value is named after the
// module of diffusers that makes it, and what it is in there.
class Builder {
 public:
  Builder(const UNetConfig& config, const ParameterViews& values)
      : config_(config), graph_("UNet2DModel", "U-Net of a denoising diffusion model") {
    const std::vector<NamedShape> parameters = unet_parameters(config);
    for (size_t i = 0; i < parameters.size(); ++i) {
      graph_.parameter(parameters[i].name, parameters[i].shape, values[i]);
    }
  }

  OnnxGraph build() && {
    const std::string sample = declare_inputs();
    time_ = silu("time_embedding.act_out", embedding());
    std::string h = conv3x3("conv_in", sample);
    skips_ = {{h, config_.base_channels()}};
    width_ = config_.base_channels();
    for (int64_t i = 0; i < config_.level_count(); ++i) h = down(i, h);
    h = middle(h);
    for (int64_t i = config_.level_count() - 1; i >= 0; --i) h = up(i, h);
    DDPM_ASSERT(skips_.empty());
    h = silu("conv_act", group_norm("conv_norm_out", h, config_.base_channels(), 0));
    graph_.output({conv3x3("conv_out", h, "out_sample"), OnnxType::kFloat,
                   image_shape(config_.output_channels()), "what the network predicts of x_t"});
    return std::move(graph_);
  }

 private:
  // What the way down keeps for the way up.
  struct Skip {
    std::string value;
    int64_t channels;
  };

  std::vector<std::variant<int64_t, std::string>> image_shape(int64_t channels) const {
    return {"N", channels, config_.height, config_.width};
  }
  int64_t height(int64_t level) const { return config_.height >> level; }
  int64_t width(int64_t level) const { return config_.width >> level; }
  int64_t pixels(int64_t level) const { return height(level) * width(level); }

  std::string declare_inputs() {
    std::string sample =
        graph_.input({"sample", OnnxType::kFloat, image_shape(config_.image_channels),
                      "x_t, of images in [-1, 1]"});
    graph_.input({"timestep", OnnxType::kInt64, {"N"}, "the time, counted from 0: t - 1"});
    if (config_.classes > 0) {
      graph_.input({"class_labels",
                    OnnxType::kInt64,
                    {"N"},
                    concat("the class of each image, 0 to ", config_.classes - 1)});
    }
    if (!config_.center_input) return sample;
    const std::string doubled = graph_.node("Mul", "center_input.double", {sample, number(2.0F)});
    return graph_.node("Sub", "center_input", {doubled, number(1.0F)});
  }

  // Constants, which are shared.
  std::string number(float value) {
    return graph_.constant(concat("constant.", shortest(value)), {}, std::vector<float>{value});
  }
  std::string numbers(int64_t count, float value) {
    return graph_.constant(concat("constant.", shortest(value), "x", count), {count},
                           std::vector<float>(static_cast<size_t>(count), value));
  }
  std::string integers(const Ints& values) {
    return graph_.constant("constant." + shape_text(values), {std::ssize(values)}, values);
  }
  std::string reshaped(const std::string& name, const std::string& x, const Ints& shape) {
    return graph_.node("Reshape", name, {x, integers(shape)});
  }

  std::string silu(const std::string& name, const std::string& x) {
    return graph_.node("Mul", name, {x, graph_.node("Sigmoid", name + ".sigmoid", {x})});
  }

  std::string conv(const std::string& name, const std::string& x, const std::string& result,
                   const Ints& pads, int64_t kernel, int64_t stride) {
    return graph_.node("Conv", result, {x, name + ".weight", name + ".bias"},
                       {{"dilations", Ints{1, 1}},
                        {"group", int64_t{1}},
                        {"kernel_shape", Ints{kernel, kernel}},
                        {"pads", pads},
                        {"strides", Ints{stride, stride}}});
  }
  std::string conv3x3(const std::string& name, const std::string& x, const std::string& result) {
    return conv(name, x, result, {1, 1, 1, 1}, 3, 1);
  }
  std::string conv3x3(const std::string& name, const std::string& x) {
    return conv3x3(name, x, name);
  }

  // x [N, in] -> [N, out]
  std::string linear(const std::string& name, const std::string& x) {
    return graph_.node("Gemm", name, {x, name + ".weight", name + ".bias"},
                       {{"transB", int64_t{1}}});
  }

  // The time embedding [N, embedding_channels], before the SiLU that each of its uses begins with.
  std::string embedding() {
    const std::string e = config_.learned_times > 0
                              ? gather("time_proj", "time_proj.weight", "timestep")
                              : sinusoids();
    const std::string hidden = silu("time_embedding.act", linear("time_embedding.linear_1", e));
    std::string time = linear("time_embedding.linear_2", hidden);
    if (config_.classes == 0) return time;
    const std::string label = gather("class_embedding", "class_embedding.weight", "class_labels");
    return graph_.node("Add", "time_embedding.with_class", {time, label});
  }

  std::string gather(const std::string& name, const std::string& table, const std::string& rows) {
    return graph_.node("Gather", name, {table, rows}, {{"axis", int64_t{0}}});
  }

  std::string sinusoids() {
    const int64_t half = config_.base_channels() / 2;
    const std::string frequencies =
        graph_.constant("time_proj.frequencies", {half},
                        embedding_frequencies(config_.base_channels(), config_.frequency_shift));
    const std::string t = graph_.node("Cast", "time_proj.float", {"timestep"},
                                      {{"to", static_cast<int64_t>(OnnxType::kFloat)}});
    const std::string angle = graph_.node(
        "Mul", "time_proj.angle", {reshaped("time_proj.column", t, {kToTheEnd, 1}), frequencies});
    const std::string sine = graph_.node("Sin", "time_proj.sin", {angle});
    const std::string cosine = graph_.node("Cos", "time_proj.cos", {angle});
    const std::string& first = config_.cosine_first ? cosine : sine;
    const std::string& second = config_.cosine_first ? sine : cosine;
    return graph_.node("Concat", "time_proj", {first, second}, {{"axis", int64_t{1}}});
  }

  // x [N, channels, ..] at a level, normalised over groups; groups 0: as many as the network has.
  // InstanceNormalization of [N, groups, the rest] subtracts the mean before it squares;
  // ONNX's own GroupNormalization is defined by E[x^2] - E[x]^2, in which digits are lost.
  std::string group_norm(const std::string& name, const std::string& x, int64_t channels,
                         int64_t level, int64_t groups = 0) {
    if (groups == 0) groups = config_.norm_groups;
    const std::string grouped = reshaped(name + ".groups", x, {kAsItIs, groups, kToTheEnd});
    const std::string normal = graph_.node("InstanceNormalization", name + ".normalised",
                                           {grouped, numbers(groups, 1.0F), numbers(groups, 0.0F)},
                                           {{"epsilon", static_cast<float>(config_.norm_epsilon)}});
    const std::string image =
        reshaped(name + ".image", normal, {kAsItIs, channels, height(level), width(level)});
    return affine(name, image);
  }

  std::string affine(const std::string& name, const std::string& image) {
    const std::string scale = reshaped(name + ".scale", name + ".weight", {kToTheEnd, 1, 1});
    const std::string shift = reshaped(name + ".shift", name + ".bias", {kToTheEnd, 1, 1});
    return graph_.node("Add", name, {graph_.node("Mul", name + ".scaled", {image, scale}), shift});
  }

  // Behind norm2, [N, out, H, W]: [N, 2 out] of the time is a factor less 1 and a summand.
  std::string scaled_and_shifted(const std::string& name, const std::string& x,
                                 const std::string& time, int64_t out) {
    graph_.add({"Split",
                name + ".time_split",
                {time, integers({out, out})},
                {name + ".time_scale", name + ".time_shift"},
                {{"axis", int64_t{1}}}});
    const std::string factor =
        graph_.node("Add", name + ".time_factor", {name + ".time_scale", number(1.0F)});
    const std::string scaled = graph_.node("Mul", name + ".time_scaled", {x, factor});
    return graph_.node("Add", name + ".time_added", {scaled, name + ".time_shift"});
  }

  std::string upsampled(const std::string& name, const std::string& x) {
    const std::string scales =
        graph_.constant("constant.twice", {4}, std::vector<float>{1.0F, 1.0F, 2.0F, 2.0F});
    return graph_.node("Resize", name, {x, "", scales},
                       {{"coordinate_transformation_mode", std::string("asymmetric")},
                        {"mode", std::string("nearest")},
                        {"nearest_mode", std::string("floor")}});
  }

  std::string averaged(const std::string& name, const std::string& x) {
    return graph_.node("AveragePool", name, {x},
                       {{"kernel_shape", Ints{2, 2}}, {"strides", Ints{2, 2}}});
  }

  // Where a residual block changes the size of the image.
  enum class Size { kSame, kHalf, kTwice };

  std::string resized(Size size, const std::string& name, const std::string& x) {
    return size == Size::kHalf ? averaged(name, x) : size == Size::kTwice ? upsampled(name, x) : x;
  }

  // x [N, in, ..] at `level` -> [N, out, ..]
  std::string residual_block(const std::string& name, const std::string& x, int64_t in, int64_t out,
                             int64_t level, Size size = Size::kSame) {
    const int64_t next = level + (size == Size::kHalf ? 1 : size == Size::kTwice ? -1 : 0);
    std::string h = silu(name + ".act1", group_norm(name + ".norm1", x, in, level));
    h = conv3x3(name + ".conv1", resized(size, name + ".resized", h));
    const int64_t rows = (config_.scale_shift ? 2 : 1) * out;
    const std::string time =
        reshaped(name + ".time", linear(name + ".time_emb_proj", time_), {kAsItIs, rows, 1, 1});
    if (!config_.scale_shift) h = graph_.node("Add", name + ".time_added", {h, time});
    h = group_norm(name + ".norm2", h, out, next);
    if (config_.scale_shift) h = scaled_and_shifted(name, h, time, out);
    h = conv3x3(name + ".conv2", silu(name + ".act2", h));
    std::string shortcut = resized(size, name + ".shortcut_resized", x);
    if (in != out) {
      shortcut =
          conv(name + ".conv_shortcut", shortcut, name + ".conv_shortcut", {0, 0, 0, 0}, 1, 1);
    }
    return graph_.node("Add", name, {shortcut, h});
  }

  // weight x + bias at every pixel: x [N, in, P] -> [N, out, P]
  std::string projected(const std::string& name, const std::string& x) {
    const std::string product = graph_.node("MatMul", name + ".product", {name + ".weight", x});
    const std::string bias = reshaped(name + ".column", name + ".bias", {kToTheEnd, 1});
    return graph_.node("Add", name, {product, bias});
  }

  std::string transposed(const std::string& name, const std::string& x) {
    return graph_.node("Transpose", name, {x}, {{"perm", Ints{0, 1, 3, 2}}});
  }

  // x [N, channels, H, W]. Channels stay before pixels, so that the weights are used as they are;
  // groups -1: not normalised.
  std::string attention(const std::string& name, const std::string& x, int64_t level,
                        int64_t groups) {
    const int64_t channels = config_.level(level).channels;
    const int64_t heads = config_.heads_at(channels);
    const int64_t inner = config_.attention_channels(channels);
    const int64_t d = inner / heads;
    const std::string normal =
        groups < 0 ? x : group_norm(name + ".group_norm", x, channels, level, groups);
    const std::string flat = reshaped(name + ".flat", normal, {kAsItIs, channels, pixels(level)});
    const auto by_head = [&](const std::string& part) {  // [N, heads, d, P]
      return reshaped(name + part + ".heads", projected(name + part, flat),
                      {kAsItIs, heads, d, pixels(level)});
    };
    const std::string q =
        graph_.node("Mul", name + ".scaled_q",
                    {by_head(".to_q"), number(1.0F / std::sqrt(static_cast<float>(d)))});
    const std::string logits = graph_.node("MatMul", name + ".logits",
                                           {transposed(name + ".rows_q", q), by_head(".to_k")});
    const std::string weights =
        graph_.node("Softmax", name + ".weights", {logits}, {{"axis", int64_t{-1}}});
    const std::string mixed = graph_.node(  // [N, heads, P, d]
        "MatMul", name + ".mixed", {weights, transposed(name + ".rows_v", by_head(".to_v"))});
    const std::string merged = reshaped(name + ".merged", transposed(name + ".columns", mixed),
                                        {kAsItIs, inner, pixels(level)});
    const std::string image = reshaped(name + ".image", projected(name + ".to_out.0", merged),
                                       {kAsItIs, channels, height(level), width(level)});
    return graph_.node("Add", name, {image, x});
  }

  std::string down(int64_t number, std::string h) {
    const UNetLevel& level = config_.level(number);
    const std::string block = concat("down_blocks.", number);
    for (int64_t j = 0; j < config_.blocks_per_level; ++j) {
      h = residual_block(concat(block, ".resnets.", j), h, width_, level.channels, number);
      width_ = level.channels;
      if (level.attention_down) h = attention(concat(block, ".attentions.", j), h, number, 0);
      skips_.push_back({h, width_});
    }
    if (number == config_.level_count() - 1) return h;
    const std::string name = block + ".downsamplers.0";
    if (level.down == Resampling::kResidualBlock) {
      h = residual_block(name, h, width_, width_, number, Size::kHalf);
    } else {  // top, left, bottom, right
      const Ints pads = config_.downsample_padding == 0 ? Ints{0, 0, 1, 1} : Ints{1, 1, 1, 1};
      h = conv(name + ".conv", h, name + ".conv", pads, 3, 2);
    }
    skips_.push_back({h, width_});
    return h;
  }

  std::string middle(std::string h) {
    const int64_t level = config_.level_count() - 1;
    h = over_middle_scale("mid_block.resnets.0",
                          residual_block("mid_block.resnets.0", h, width_, width_, level));
    if (config_.middle_attention) {
      const int64_t groups = config_.groups_of_middle_attention();
      h = over_middle_scale("mid_block.attentions.0", attention("mid_block.attentions.0", h, level,
                                                                groups == 0 ? -1 : groups));
    }
    return over_middle_scale("mid_block.resnets.1",
                             residual_block("mid_block.resnets.1", h, width_, width_, level));
  }

  std::string over_middle_scale(const std::string& name, const std::string& h) {
    if (config_.middle_scale == 1.0) return h;
    return graph_.node("Div", name + ".over_scale",
                       {h, number(static_cast<float>(config_.middle_scale))});
  }

  // diffusers counts the blocks on the way up from the lowest resolution.
  std::string up(int64_t number, std::string h) {
    const UNetLevel& level = config_.level(number);
    const std::string block = concat("up_blocks.", config_.level_count() - 1 - number);
    for (int64_t j = 0; j <= config_.blocks_per_level; ++j) {
      const std::string name = concat(block, ".resnets.", j);
      const Skip skip = skips_.back();
      skips_.pop_back();
      h = graph_.node("Concat", concat(name, ".with_skip"), {h, skip.value},
                      {{"axis", int64_t{1}}});
      h = residual_block(name, h, width_ + skip.channels, level.channels, number);
      width_ = level.channels;
      if (level.attention_up) h = attention(concat(block, ".attentions.", j), h, number, 0);
    }
    if (number == 0) return h;
    const std::string name = block + ".upsamplers.0";
    if (level.up == Resampling::kResidualBlock) {
      return residual_block(name, h, width_, width_, number, Size::kTwice);
    }
    return conv3x3(name + ".conv", upsampled(name + ".upsampled", h));
  }

  const UNetConfig& config_;
  OnnxGraph graph_;
  std::string time_;   // [N, embedding_channels], behind its SiLU, which every use begins with
  int64_t width_ = 0;  // channels of the activation that the next block receives
  std::vector<Skip> skips_;  // the last one is used first
};

}  // namespace

OnnxGraph unet_graph(const UNetConfig& unet, const ParameterViews& values) {
  check_parameters(unet, values, "unet_graph");
  return Builder(unet, values).build();
}

}  // namespace ddpm
