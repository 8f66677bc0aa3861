#include "ddpm/onnx/graph.h"

#include <algorithm>
#include <bit>

#include "ddpm/base/check.h"

namespace ddpm {

static_assert(std::endian::native == std::endian::little, "raw_data of ONNX is little-endian");

OnnxGraph::OnnxGraph(std::string name, std::string doc)
    : name_(std::move(name)), doc_(std::move(doc)) {}

void OnnxGraph::define(const std::string& value) {
  DDPM_ASSERT(!value.empty() && values_.insert(value).second);
}

std::string OnnxGraph::input(OnnxValue value) {
  define(value.name);
  inputs_.push_back(std::move(value));
  return inputs_.back().name;
}

std::string OnnxGraph::initializer(OnnxInitializer initializer) {
  int64_t count = 1;
  for (const int64_t extent : initializer.shape) count *= extent;
  const int64_t bytes_each = initializer.type == OnnxType::kFloat ? 4 : 8;
  DDPM_ASSERT(std::ssize(initializer.bytes) == count * bytes_each);
  define(initializer.name);
  initializers_.push_back(std::move(initializer));
  return initializers_.back().name;
}

std::string OnnxGraph::parameter(const std::string& name, std::vector<int64_t> shape,
                                 std::span<const float> values) {
  return initializer({name, OnnxType::kFloat, std::move(shape), std::as_bytes(values)});
}

std::string OnnxGraph::constant_of_bytes(OnnxInitializer wanted) {
  const auto known = std::find_if(initializers_.begin(), initializers_.end(),
                                  [&](const auto& each) { return each.name == wanted.name; });
  if (known != initializers_.end()) {
    DDPM_ASSERT(known->type == wanted.type && known->shape == wanted.shape);
    DDPM_ASSERT(std::equal(known->bytes.begin(), known->bytes.end(), wanted.bytes.begin(),
                           wanted.bytes.end()));
    return known->name;
  }
  constants_.emplace_back(wanted.bytes.begin(), wanted.bytes.end());
  wanted.bytes = constants_.back();
  return initializer(std::move(wanted));
}

std::string OnnxGraph::constant(const std::string& name, std::vector<int64_t> shape,
                                const std::vector<float>& values) {
  return constant_of_bytes(
      {name, OnnxType::kFloat, std::move(shape), std::as_bytes(std::span(values))});
}

std::string OnnxGraph::constant(const std::string& name, std::vector<int64_t> shape,
                                const std::vector<int64_t>& values) {
  return constant_of_bytes(
      {name, OnnxType::kInt64, std::move(shape), std::as_bytes(std::span(values))});
}

std::string OnnxGraph::node(const std::string& op, const std::string& name,
                            std::vector<std::string> inputs,
                            std::vector<OnnxAttribute> attributes) {
  add({op, name, std::move(inputs), {name}, std::move(attributes)});
  return name;
}

void OnnxGraph::add(OnnxNode node) {
  DDPM_ASSERT(!node.name.empty() && node_names_.insert(node.name).second);
  for (const std::string& input : node.inputs) {
    DDPM_ASSERT(input.empty() || values_.count(input) == 1);  // "": an input that is left out
  }
  for (const std::string& output : node.outputs) define(output);
  nodes_.push_back(std::move(node));
}

void OnnxGraph::output(OnnxValue value) {
  DDPM_ASSERT(values_.count(value.name) == 1);
  outputs_.push_back(std::move(value));
}

}  // namespace ddpm
