#include "ddpm/unet/parameters.h"

#include <algorithm>
#include <array>
#include <functional>
#include <numeric>
#include <string_view>
#include <utility>

#include "ddpm/base/text.h"
#include "ddpm/unet/config_internal.h"
#include "ddpm/unet/layers_internal.h"

namespace ddpm {

namespace {

// The place of `name` in a list; its end for a name that is not in it.
template <size_t N>
int64_t rank_in(const std::array<std::string_view, N>& list, const std::string& name) {
  return std::find(list.begin(), list.end(), name) - list.begin();
}

// Where a layer stands among the modules of diffusers' UNet2DModel: its constructors create blocks
// and layers in another order than that of execution.
std::vector<int64_t> place_of(const std::string& name) {
  static constexpr std::array<std::string_view, 9> kTop = {
      "conv_in",   "time_proj", "time_embedding", "class_embedding", "down_blocks",
      "up_blocks", "mid_block", "conv_norm_out",  "conv_out"};
  static constexpr std::array<std::string_view, 4> kInBlock = {"attentions", "resnets",
                                                               "downsamplers", "upsamplers"};
  static constexpr std::array<std::string_view, 6> kInResidualBlock = {
      "norm1", "conv1", "time_emb_proj", "norm2", "conv2", "conv_shortcut"};
  std::vector<std::string> words = split(name, '.');
  const int64_t top = rank_in(kTop, words[0]);
  const bool numbered = words[0].ends_with("_blocks");
  if (!numbered && words[0] != "mid_block") return {top};
  if (!numbered) words.insert(words.begin() + 1, "0");
  // words: block, its number, list, number in it, layer
  const int64_t layer = words.size() > 4 ? rank_in(kInResidualBlock, words[4]) : 0;
  return {top, std::stoll(words.at(1)), rank_in(kInBlock, words.at(2)), std::stoll(words.at(3)),
          layer};
}

void add_parameters(const LayerShape& layer, std::vector<NamedShape>& parameters) {
  const auto add = [&](const char* which, std::vector<int64_t> shape) {
    parameters.push_back({layer.name + which, std::move(shape)});
  };
  switch (layer.kind) {
    case LayerShape::Kind::kConvolution:
      add(".weight", {layer.out, layer.in, layer.side, layer.side});
      break;
    case LayerShape::Kind::kLinear:
      add(".weight", {layer.out, layer.in});
      break;
    case LayerShape::Kind::kNorm:
      add(".weight", {layer.out});
      break;
    case LayerShape::Kind::kTable:
      add(".weight", {layer.in, layer.out});
      return;
    case LayerShape::Kind::kAttentionProducts:
      return;
  }
  add(".bias", {layer.out});
}

}  // namespace

std::vector<LayerShape> layers_in_order_of_modules(const Graph& graph) {
  std::vector<std::pair<std::vector<int64_t>, LayerShape>> placed;
  const auto place = [&placed](std::vector<LayerShape> layers) {
    for (LayerShape& layer : layers) placed.emplace_back(place_of(layer.name), std::move(layer));
  };
  place(time_layers_of(graph));
  for (const Operator& op : graph.operators) place(layers_of(graph, op));
  std::stable_sort(placed.begin(), placed.end(),
                   [](const auto& a, const auto& b) { return a.first < b.first; });
  std::vector<LayerShape> layers;
  for (auto& [unused, layer] : placed) layers.push_back(std::move(layer));
  return layers;
}

int64_t NamedShape::count() const {
  return std::accumulate(shape.begin(), shape.end(), int64_t{1}, std::multiplies<>());
}

std::vector<NamedShape> unet_parameters_unchecked(const UNetConfig& config) {
  std::vector<NamedShape> parameters;
  for (const LayerShape& layer : layers_in_order_of_modules(build_graph_unchecked(config))) {
    add_parameters(layer, parameters);
  }
  return parameters;
}

std::vector<NamedShape> unet_parameters(const UNetConfig& config) {
  check_unet_config(config);
  return unet_parameters_unchecked(config);
}

int64_t count_parameters(const UNetConfig& config) {
  int64_t total = 0;
  for (const NamedShape& parameter : unet_parameters(config)) total += parameter.count();
  return total;
}

}  // namespace ddpm
