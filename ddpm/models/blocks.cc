#include "ddpm/models/blocks.h"

#include <ATen/TensorOperators.h>
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

}  // namespace

Layer::Layer(const ParameterSet& parameters, const std::string& prefix)
    : weight(parameters.at(prefix + ".weight")), bias(parameters.at(prefix + ".bias")) {}

GroupNorm::GroupNorm(const ParameterSet& parameters, const std::string& prefix,
                     const UNetConfig& config)
    : affine(parameters, prefix), groups(config.norm_groups), epsilon(config.norm_epsilon) {}

Tensor GroupNorm::operator()(const Tensor& x) const {
  const Tensor wide = x.scalar_type() == at::kBFloat16 ? x.to(at::kFloat) : x;
  return at::group_norm(wide, groups, affine.weight, affine.bias, epsilon);
}

ResidualBlock::ResidualBlock(const ParameterSet& parameters, const std::string& prefix,
                             const UNetConfig& config, bool has_shortcut, int64_t number_in_network)
    : norm1(parameters, prefix + ".norm1", config),
      conv1(parameters, prefix + ".conv1"),
      time_projection(parameters, prefix + ".time_emb_proj"),
      norm2(parameters, prefix + ".norm2", config),
      conv2(parameters, prefix + ".conv2"),
      number(number_in_network) {
  if (has_shortcut) shortcut.emplace(parameters, prefix + ".conv_shortcut");
}

Tensor ResidualBlock::operator()(const Tensor& x, const Tensor& time,
                                 const std::optional<BlockDropout>& drop) const {
  Tensor h = conv3x3(conv1, at::silu(norm1(x)));
  h = h + linear(time_projection, time).unsqueeze(2).unsqueeze(3);
  h = at::silu(norm2(h));
  if (drop) h = dropout(h, drop->p, drop->key, number);
  h = conv3x3(conv2, h);
  return (shortcut ? at::conv2d(x, shortcut->weight, shortcut->bias) : x) + h;
}

AttentionBlock::AttentionBlock(const ParameterSet& parameters, const std::string& prefix,
                               const UNetConfig& config)
    : norm(parameters, prefix + ".group_norm", config),
      q(parameters, prefix + ".to_q"),
      k(parameters, prefix + ".to_k"),
      v(parameters, prefix + ".to_v"),
      out(parameters, prefix + ".to_out.0") {}

Tensor AttentionBlock::operator()(const Tensor& x) const {
  const Tensor positions = norm(x).flatten(2).transpose(1, 2).unsqueeze(1);  // [N, 1, H W, C]
  const Tensor mixed = at::scaled_dot_product_attention(linear(q, positions), linear(k, positions),
                                                        linear(v, positions));
  const Tensor h = linear(out, mixed).squeeze(1).transpose(1, 2).reshape(x.sizes());
  return x + h;
}

Tensor downsample(const Layer& conv, const Tensor& x) {
  const Tensor padded = at::constant_pad_nd(x, {0, 1, 0, 1});
  return at::conv2d(padded, conv.weight, conv.bias, /*stride=*/2);
}

Tensor upsample(const Layer& conv, const Tensor& x) {
  return conv3x3(conv, at::upsample_nearest2d(x, {x.size(2) * 2, x.size(3) * 2}));
}

Tensor conv3x3(const Layer& conv, const Tensor& x) {
  return at::conv2d(x, conv.weight, conv.bias, /*stride=*/1, /*padding=*/1);
}

}  // namespace ddpm
