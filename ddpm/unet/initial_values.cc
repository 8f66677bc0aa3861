#include "ddpm/unet/initial_values.h"

#include <algorithm>
#include <cmath>

#include "ddpm/random/stream.h"
#include "ddpm/unet/config_internal.h"
#include "ddpm/unet/layers_internal.h"

namespace ddpm {

namespace {

constexpr double kNearZero = 1e-10;  // the scale of layers that begin as nothing

InitialValues glorot(const LayerShape& layer) {
  const auto fans = static_cast<double>((layer.out + layer.in) * layer.side * layer.side);
  const double scale = layer.is_last ? kNearZero : 1.0;
  return {InitialValues::Kind::kUniform, std::sqrt(6.0 * scale / fans)};
}

// Of weight and bias; a table has no bias, the products of attention have neither.
std::vector<InitialValues> values_of(const LayerShape& layer) {
  const InitialValues zeros = {InitialValues::Kind::kZeros, 0.0};
  switch (layer.kind) {
    case LayerShape::Kind::kConvolution:
    case LayerShape::Kind::kLinear:
      return {glorot(layer), zeros};
    case LayerShape::Kind::kNorm:
      return {{InitialValues::Kind::kOnes, 0.0}, zeros};
    case LayerShape::Kind::kTable:
      return {{InitialValues::Kind::kNormal, 0.0}};
    case LayerShape::Kind::kAttentionProducts:
      break;
  }
  return {};
}

void fill_uniform(const Stream& stream, double bound, std::span<float> elements) {
  std::vector<uint64_t> words(elements.size());
  fill_words(stream, words);
  for (size_t i = 0; i < elements.size(); ++i) {
    const double u = static_cast<double>(words[i] >> 11) * 0x1.0p-53;
    elements[i] = static_cast<float>((2.0 * u - 1.0) * bound);
  }
}

}  // namespace

std::vector<InitialValues> initial_values(const UNetConfig& config) {
  check_unet_config(config);
  std::vector<InitialValues> all;
  for (const LayerShape& layer : layers_in_order_of_modules(build_graph_unchecked(config))) {
    for (const InitialValues& values : values_of(layer)) all.push_back(values);
  }
  return all;
}

void fill_initial_values(const InitialValues& values, uint64_t seed, size_t k,
                         std::span<float> elements) {
  const Stream stream{seed, Purpose::kInitialWeights, k};
  switch (values.kind) {
    case InitialValues::Kind::kZeros:
      std::ranges::fill(elements, 0.0F);
      break;
    case InitialValues::Kind::kOnes:
      std::ranges::fill(elements, 1.0F);
      break;
    case InitialValues::Kind::kUniform:
      fill_uniform(stream, values.bound, elements);
      break;
    case InitialValues::Kind::kNormal:
      fill_normal(stream, elements);
      break;
  }
}

}  // namespace ddpm
