#include "ddpm/models/blocks.h"

#include <ATen/TensorOperators.h>
#include <ATen/ops/avg_pool2d.h>
#include <ATen/ops/constant_pad_nd.h>
#include <ATen/ops/conv2d.h>
#include <ATen/ops/group_norm.h>
#include <ATen/ops/linear.h>
#include <ATen/ops/scaled_dot_product_attention.h>
#include <ATen/ops/upsample_nearest2d.h>

namespace ddpm {

Layer::Layer(const ParameterSet& parameters, const std::string& prefix)
    : weight(parameters.at(prefix + ".weight")), bias(parameters.at(prefix + ".bias")) {}

std::vector<Layer> layers_of(const Operator& op, const ParameterSet& parameters) {
  using Layers = std::vector<Layer>;
  const auto of = [&parameters](const std::string& name) {
    return Layers{Layer(parameters, name)};
  };
  return std::visit(Overloaded{[&](const EntryOperator& it) { return of(it.name); },
                               [&](const ConvolutionOperator& it) { return of(it.name); },
                               [&](const PointwiseOperator& it) { return of(it.name); },
                               [&](const NormOperator& it) { return of(it.name); },
                               [&](const AttentionOperator& it) {
                                 Layers layers;
                                 for (const char* part : {".to_q", ".to_k", ".to_v", ".to_out.0"}) {
                                   layers.emplace_back(parameters, it.name + part);
                                 }
                                 return layers;
                               },
                               [](const ResizeOperator&) { return Layers{}; },
                               [](const ConcatOperator&) { return Layers{}; },
                               [](const ExitOperator&) { return Layers{}; }},
                    op);
}

Tensor linear(const Layer& layer, const Tensor& x) {
  return at::linear(x, layer.weight, layer.bias);
}

Tensor resize(const Tensor& x, Resize how) {
  switch (how) {
    case Resize::kHalf:
      return at::avg_pool2d(x, 2);
    case Resize::kDouble:
      return at::upsample_nearest2d(x, {x.size(2) * 2, x.size(3) * 2});
    case Resize::kNone:
      break;
  }
  return x;
}

Tensor convolution(const ConvolutionOperator& op, const Layer& layer, const Tensor& x) {
  if (op.resize != Resize::kHalf) return conv3x3(layer, resize(x, op.resize));
  if (op.padding > 0) {
    return at::conv2d(x, layer.weight, layer.bias, /*stride=*/2, op.padding);
  }
  const Tensor padded = at::constant_pad_nd(x, {0, 1, 0, 1});
  return at::conv2d(padded, layer.weight, layer.bias, /*stride=*/2);
}

Tensor conv3x3(const Layer& layer, const Tensor& x) {
  return at::conv2d(x, layer.weight, layer.bias, /*stride=*/1, /*padding=*/1);
}

Tensor group_norm(const Layer& layer, const Tensor& x, int64_t groups, double epsilon) {
  const Tensor wide = x.scalar_type() == at::kBFloat16 ? x.to(at::kFloat) : x;
  return at::group_norm(wide, groups, layer.weight, layer.bias, epsilon);
}

Tensor attention(const std::vector<Layer>& layers, const Tensor& x, int64_t heads) {
  const Tensor positions = x.flatten(2).transpose(1, 2);  // [N, H W, C]
  const auto by_head = [&](const Layer& layer) {          // [N, heads, H W, D]
    return linear(layer, positions).unflatten(2, {heads, -1}).transpose(1, 2);
  };
  const Tensor mixed = at::scaled_dot_product_attention(
      by_head(layers.at(0)), by_head(layers.at(1)), by_head(layers.at(2)));
  const Tensor h = linear(layers.at(3), mixed.transpose(1, 2).flatten(2));  // [N, H W, C]
  return h.transpose(1, 2).reshape(x.sizes());
}

}  // namespace ddpm
