#include "ddpm/onnx/unet_graph.h"

#include <cmath>
#include <limits>

#include "ddpm/base/check.h"
#include "ddpm/base/text.h"
#include "ddpm/unet/embedding_frequencies.h"
#include "ddpm/unet/graph.h"
#include "ddpm/unet/parameters.h"

namespace ddpm {

namespace {

using Ints = std::vector<int64_t>;

constexpr int64_t kToTheEnd = -1;  // in a shape: whatever is left
constexpr int64_t kAsItIs = 0;     // in a shape: the extent that is there, of the batch

// The name without its last component: "a.b.conv1" is in "a.b".
std::string parent_of(const std::string& name) { return name.substr(0, name.rfind('.')); }

// The name of the activation behind a normalisation: "norm1" has "act1", "conv_norm_out" has
// "conv_act".
std::string activation_of(const std::string& norm) {
  if (norm == "conv_norm_out") return "conv_act";
  std::string name = norm;
  return name.replace(norm.rfind("norm"), 4, "act");
}

// Writes the operators of the network's graph as nodes. Every value is named after the module of
// diffusers that outputs it, and its role in there.
class Writer {
 public:
  Writer(const UNetConfig& config, const ParameterViews& parameters)
      : config_(config),
        unet_(build_graph(config)),
        graph_("UNet2DModel", "U-Net of a denoising diffusion model"),
        names_(unet_.values.size()) {
    const std::vector<NamedShape> shapes = unet_parameters(config);
    for (size_t i = 0; i < shapes.size(); ++i) {
      graph_.parameter(shapes[i].name, shapes[i].shape, parameters[i]);
    }
  }

  OnnxGraph write() && {
    declare_inputs();
    time_ = silu("time_embedding.act_out", embedding());
    for (const Operator& op : unet_.operators) {
      std::visit([this](const auto& it) { add(it); }, op);
    }
    return std::move(graph_);
  }

 private:
  std::string& name(ValueId id) { return names_.at(static_cast<size_t>(id)); }
  const ValueShape& shape(ValueId id) const { return unet_.value(id); }

  std::vector<std::variant<int64_t, std::string>> image_shape(int64_t channels) const {
    return {"N", channels, config_.height, config_.width};
  }

  void declare_inputs() {
    graph_.input({"sample", OnnxType::kFloat, image_shape(config_.image_channels),
                  "x_t, of images in [-1, 1]"});
    graph_.input({"timestep", OnnxType::kInt64, {"N"}, "the time, counted from 0: t - 1"});
    if (config_.classes == 0) return;
    graph_.input({"class_labels",
                  OnnxType::kInt64,
                  {"N"},
                  concat("the class of each image, 0 to ", config_.classes - 1)});
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
  // x [N, in] -> [N, out]
  std::string linear(const std::string& name, const std::string& x) {
    return graph_.node("Gemm", name, {x, name + ".weight", name + ".bias"},
                       {{"transB", int64_t{1}}});
  }

  // The time embedding [N, embedding_channels], before the SiLU that each of its uses begins with.
  std::string embedding() {
    const std::string e = unet_.time.learned_times > 0
                              ? gather("time_proj", "time_proj.weight", "timestep")
                              : sinusoids();
    const std::string hidden = silu("time_embedding.act", linear("time_embedding.linear_1", e));
    std::string time = linear("time_embedding.linear_2", hidden);
    if (unet_.time.classes == 0) return time;
    const std::string label = gather("class_embedding", "class_embedding.weight", "class_labels");
    return graph_.node("Add", "time_embedding.with_class", {time, label});
  }

  std::string gather(const std::string& name, const std::string& table, const std::string& rows) {
    return graph_.node("Gather", name, {table, rows}, {{"axis", int64_t{0}}});
  }

  std::string sinusoids() {
    const int64_t half = unet_.time.base_channels / 2;
    const std::string frequencies = graph_.constant(
        "time_proj.frequencies", {half},
        embedding_frequencies(unet_.time.base_channels, unet_.time.frequency_shift));
    const std::string t = graph_.node("Cast", "time_proj.float", {"timestep"},
                                      {{"to", static_cast<int64_t>(OnnxType::kFloat)}});
    const std::string angle = graph_.node(
        "Mul", "time_proj.angle", {reshaped("time_proj.column", t, {kToTheEnd, 1}), frequencies});
    const std::string sine = graph_.node("Sin", "time_proj.sin", {angle});
    const std::string cosine = graph_.node("Cos", "time_proj.cos", {angle});
    const std::string& first = unet_.time.cosine_first ? cosine : sine;
    const std::string& second = unet_.time.cosine_first ? sine : cosine;
    return graph_.node("Concat", "time_proj", {first, second}, {{"axis", int64_t{1}}});
  }

  // InstanceNormalization of [N, groups, remaining extents] subtracts the mean before it squares;
  // ONNX's own GroupNormalization is defined by E[x^2] - E[x]^2, in which digits are lost.
  std::string group_norm(const NormOperator& op) {
    const ValueShape& to = shape(op.y);
    const std::string grouped =
        reshaped(op.name + ".groups", name(op.x), {kAsItIs, op.groups, kToTheEnd});
    const std::string normal =
        graph_.node("InstanceNormalization", op.name + ".normalised",
                    {grouped, numbers(op.groups, 1.0F), numbers(op.groups, 0.0F)},
                    {{"epsilon", static_cast<float>(op.epsilon)}});
    const std::string image =
        reshaped(op.name + ".image", normal, {kAsItIs, to.channels, to.height, to.width});
    return affine(op.name, image);
  }

  std::string affine(const std::string& name, const std::string& image) {
    const std::string scale = reshaped(name + ".scale", name + ".weight", {kToTheEnd, 1, 1});
    const std::string shift = reshaped(name + ".shift", name + ".bias", {kToTheEnd, 1, 1});
    return graph_.node("Add", name, {graph_.node("Mul", name + ".scaled", {image, scale}), shift});
  }

  // The outputs of a projection of the time embedding, [N, outputs, 1, 1].
  std::string projected(TimeId id) {
    const TimeProjection& projection = unet_.projection(id);
    return reshaped(parent_of(projection.name) + ".time", linear(projection.name, time_),
                    {kAsItIs, projection.outputs(), 1, 1});
  }

  // x (1 + scale) + shift
  std::string scaled_and_shifted(const std::string& block, const std::string& x, TimeId id) {
    const int64_t channels = unet_.projection(id).channels;
    graph_.add({"Split",
                block + ".time_split",
                {projected(id), integers({channels, channels})},
                {block + ".time_scale", block + ".time_shift"},
                {{"axis", int64_t{1}}}});
    const std::string factor =
        graph_.node("Add", block + ".time_factor", {block + ".time_scale", number(1.0F)});
    const std::string scaled = graph_.node("Mul", block + ".time_scaled", {x, factor});
    return graph_.node("Add", block + ".time_added", {scaled, block + ".time_shift"});
  }

  std::string resized(const std::string& to, const std::string& x, Resize how) {
    if (how == Resize::kHalf) {
      return graph_.node("AveragePool", to, {x},
                         {{"kernel_shape", Ints{2, 2}}, {"strides", Ints{2, 2}}});
    }
    const std::string scales =
        graph_.constant("constant.twice", {4}, std::vector<float>{1.0F, 1.0F, 2.0F, 2.0F});
    return graph_.node("Resize", to, {x, "", scales},
                       {{"coordinate_transformation_mode", std::string("asymmetric")},
                        {"mode", std::string("nearest")},
                        {"nearest_mode", std::string("floor")}});
  }

  std::string divided(const std::string& block, const std::string& sum, double divisor) {
    if (divisor == 1.0) return sum;
    return graph_.node("Div", block + ".over_scale", {sum, number(static_cast<float>(divisor))});
  }

  void add(const EntryOperator& op) {
    std::string x = "sample";
    if (op.center) {
      const std::string doubled = graph_.node("Mul", "center_input.double", {x, number(2.0F)});
      x = graph_.node("Sub", "center_input", {doubled, number(1.0F)});
    }
    name(op.y) = conv(op.name, x, op.name, {1, 1, 1, 1}, 3, 1);
  }

  void add(const ConvolutionOperator& op) {
    const std::string block = parent_of(op.name);
    std::string x = name(op.x);
    if (op.resize == Resize::kDouble) {
      const bool in_residual_block = op.name.ends_with(".conv1");
      x = resized(block + (in_residual_block ? ".resized" : ".upsampled"), x, op.resize);
    }
    const bool halves = op.resize == Resize::kHalf;  // pads: top, left, bottom, right
    const Ints pads = halves && op.padding == 0 ? Ints{0, 0, 1, 1} : Ints{1, 1, 1, 1};
    const std::string to = op.name == "conv_out" ? "out_sample" : op.name;
    std::string y = conv(op.name, x, to, pads, 3, halves ? 2 : 1);
    if (op.time != kNoTime) {
      y = graph_.node("Add", block + ".time_added", {y, projected(op.time)});
    }
    if (op.residual != kNoValue) y = graph_.node("Add", block, {name(op.residual), y});
    name(op.y) = divided(block, y, op.divisor);
  }

  void add(const PointwiseOperator& op) {
    name(op.y) = conv(op.name, name(op.x), op.name, {0, 0, 0, 0}, 1, 1);
  }

  void add(const NormOperator& op) {
    std::string y = group_norm(op);
    if (op.time != kNoTime) y = scaled_and_shifted(parent_of(op.name), y, op.time);
    name(op.y) = op.silu ? silu(activation_of(op.name), y) : y;
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

  // Channels stay before pixels, so that the weights are used as they are.
  void add(const AttentionOperator& op) {
    const ValueShape& to = shape(op.y);
    const int64_t pixels = to.pixels(), d = op.head_channels;
    const std::string flat =
        reshaped(op.name + ".flat", name(op.x), {kAsItIs, to.channels, pixels});
    const auto by_head = [&](const std::string& part) {  // [N, heads, d, P]
      return reshaped(op.name + part + ".heads", projected(op.name + part, flat),
                      {kAsItIs, op.heads, d, pixels});
    };
    const std::string q =
        graph_.node("Mul", op.name + ".scaled_q",
                    {by_head(".to_q"), number(1.0F / std::sqrt(static_cast<float>(d)))});
    const std::string logits = graph_.node("MatMul", op.name + ".logits",
                                           {transposed(op.name + ".rows_q", q), by_head(".to_k")});
    const std::string weights =
        graph_.node("Softmax", op.name + ".weights", {logits}, {{"axis", int64_t{-1}}});
    const std::string mixed = graph_.node(  // [N, heads, P, d]
        "MatMul", op.name + ".mixed", {weights, transposed(op.name + ".rows_v", by_head(".to_v"))});
    const std::string merged =
        reshaped(op.name + ".merged", transposed(op.name + ".columns", mixed),
                 {kAsItIs, op.inner_channels(), pixels});
    const std::string image = reshaped(op.name + ".image", projected(op.name + ".to_out.0", merged),
                                       {kAsItIs, to.channels, to.height, to.width});
    const std::string sum = graph_.node("Add", op.name, {image, name(op.residual)});
    name(op.y) = divided(op.name, sum, op.divisor);
  }

  void add(const ResizeOperator& op) { name(op.y) = resized(op.name, name(op.x), op.resize); }

  void add(const ConcatOperator& op) {
    std::vector<std::string> parts;
    for (const ValueId id : op.x) parts.push_back(name(id));
    name(op.y) = graph_.node("Concat", op.name, parts, {{"axis", int64_t{1}}});
  }

  void add(const ExitOperator& op) {
    graph_.output({name(op.x), OnnxType::kFloat, image_shape(shape(op.x).channels),
                   "what the network predicts of x_t"});
  }

  const UNetConfig& config_;
  Graph unet_;
  OnnxGraph graph_;
  std::string time_;                // [N, channels], behind the SiLU with which every use begins
  std::vector<std::string> names_;  // of each value of the network's graph
};

}  // namespace

OnnxGraph unet_graph(const UNetConfig& unet, const ParameterViews& values) {
  check_parameters(unet, values, "unet_graph");
  return Writer(unet, values).write();
}

}  // namespace ddpm
