#include "ddpm/models/blocks.h"

#include <ATen/TensorOperators.h>
#include <ATen/ops/avg_pool2d.h>
#include <ATen/ops/constant_pad_nd.h>
#include <ATen/ops/conv2d.h>
#include <ATen/ops/group_norm.h>
#include <ATen/ops/linear.h>
#include <ATen/ops/scaled_dot_product_attention.h>
#include <ATen/ops/silu.h>
#include <ATen/ops/upsample_nearest2d.h>

namespace ddpm {

namespace {

Tensor linear(const Layer& layer, const Tensor& x) {
  return at::linear(x, layer.weight, layer.bias);
}

Tensor doubled(const Tensor& x) {
  return at::upsample_nearest2d(x, {x.size(2) * 2, x.size(3) * 2});
}

Tensor resized(const Tensor& x, BlockPlace::Size size) {
  switch (size) {
    case BlockPlace::Size::kHalf:
      return at::avg_pool2d(x, 2);
    case BlockPlace::Size::kDouble:
      return doubled(x);
    case BlockPlace::Size::kSame:
      break;
  }
  return x;
}

// Not divided where that would change nothing but cost a pass over the memory.
Tensor scaled(const Tensor& x, double scale) { return scale == 1.0 ? x : x / scale; }

}  // namespace

Layer::Layer(const ParameterSet& parameters, const std::string& prefix)
    : weight(parameters.at(prefix + ".weight")), bias(parameters.at(prefix + ".bias")) {}

GroupNorm::GroupNorm(const ParameterSet& parameters, const std::string& prefix,
                     const UNetConfig& config)
    : GroupNorm(parameters, prefix, config.norm_groups, config.norm_epsilon) {}

GroupNorm::GroupNorm(const ParameterSet& parameters, const std::string& prefix,
                     int64_t groups_in_channels, double norm_epsilon)
    : affine(parameters, prefix), groups(groups_in_channels), epsilon(norm_epsilon) {}

Tensor GroupNorm::operator()(const Tensor& x) const {
  const Tensor wide = x.scalar_type() == at::kBFloat16 ? x.to(at::kFloat) : x;
  return at::group_norm(wide, groups, affine.weight, affine.bias, epsilon);
}

ResidualBlock::ResidualBlock(const ParameterSet& parameters, const std::string& prefix,
                             const UNetConfig& config, const BlockPlace& in_network)
    : norm1(parameters, prefix + ".norm1", config),
      conv1(parameters, prefix + ".conv1"),
      time_projection(parameters, prefix + ".time_emb_proj"),
      norm2(parameters, prefix + ".norm2", config),
      conv2(parameters, prefix + ".conv2"),
      place(in_network),
      scale_shift(config.scale_shift) {
  if (place.has_shortcut) shortcut.emplace(parameters, prefix + ".conv_shortcut");
}

Tensor ResidualBlock::operator()(const Tensor& x, const Tensor& time,
                                 const std::optional<BlockDropout>& drop) const {
  Tensor h = conv3x3(conv1, resized(at::silu(norm1(x)), place.size));
  const Tensor said = linear(time_projection, time).unsqueeze(2).unsqueeze(3);
  if (scale_shift) {
    const int64_t channels = h.size(1);
    h = norm2(h) * (1.0 + said.narrow(1, 0, channels)) + said.narrow(1, channels, channels);
  } else {
    h = norm2(h + said);
  }
  h = at::silu(h);
  if (drop) h = dropout(h, drop->p, drop->key, place.number);
  h = conv3x3(conv2, h);
  const Tensor past = resized(x, place.size);
  return scaled((shortcut ? at::conv2d(past, shortcut->weight, shortcut->bias) : past) + h,
                place.scale);
}

AttentionBlock::AttentionBlock(const ParameterSet& parameters, const std::string& prefix,
                               const UNetConfig& config, int64_t channels, int64_t groups,
                               double divisor)
    : q(parameters, prefix + ".to_q"),
      k(parameters, prefix + ".to_k"),
      v(parameters, prefix + ".to_v"),
      out(parameters, prefix + ".to_out.0"),
      heads(config.heads_at(channels)),
      scale(divisor) {
  if (groups > 0) norm.emplace(parameters, prefix + ".group_norm", groups, config.norm_epsilon);
}

Tensor AttentionBlock::operator()(const Tensor& x) const {
  const Tensor positions = (norm ? (*norm)(x) : x).flatten(2).transpose(1, 2);  // [N, H W, C]
  const auto by_head = [&](const Layer& layer) {  // [N, heads, H W, D]
    return linear(layer, positions).unflatten(2, {heads, -1}).transpose(1, 2);
  };
  const Tensor mixed = at::scaled_dot_product_attention(by_head(q), by_head(k), by_head(v));
  const Tensor h = linear(out, mixed.transpose(1, 2).flatten(2));
  return scaled(x + h.transpose(1, 2).reshape(x.sizes()), scale);
}

Tensor downsample(const Layer& conv, const Tensor& x, int64_t padding) {
  if (padding > 0) return at::conv2d(x, conv.weight, conv.bias, /*stride=*/2, padding);
  const Tensor padded = at::constant_pad_nd(x, {0, 1, 0, 1});
  return at::conv2d(padded, conv.weight, conv.bias, /*stride=*/2);
}

Tensor upsample(const Layer& conv, const Tensor& x) { return conv3x3(conv, doubled(x)); }

Tensor conv3x3(const Layer& conv, const Tensor& x) {
  return at::conv2d(x, conv.weight, conv.bias, /*stride=*/1, /*padding=*/1);
}

}  // namespace ddpm
