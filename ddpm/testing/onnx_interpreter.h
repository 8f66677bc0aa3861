// For tests: the operators of ONNX that our graphs use, as plain loops over their definitions
// (https://onnx.ai/onnx/operators, operator set 13). Sums are in float64, results in float32.

#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <numeric>
#include <stdexcept>
#include <string>
#include <vector>

#include "ddpm/base/check.h"
#include "ddpm/testing/onnx_decoded.h"

namespace ddpm {

struct Array {
  std::vector<int64_t> shape;
  std::vector<float> values;  // whole numbers too: they are small here

  int64_t at(size_t axis) const { return shape.at(axis); }
};

using Arrays = std::map<std::string, Array>;

using Ints = std::vector<int64_t>;

inline void want(bool condition, const DecodedNode& node) {
  if (!condition) throw std::logic_error(concat(node.op, " ", node.name, ": not as it is defined"));
}

inline int64_t product(const Ints& shape, size_t from, size_t to) {
  return std::accumulate(shape.begin() + static_cast<int64_t>(from),
                         shape.begin() + static_cast<int64_t>(to), int64_t{1}, std::multiplies<>());
}
inline int64_t count_of(const Ints& shape) { return product(shape, 0, shape.size()); }

// One node and what goes into it.
struct Call {
  const DecodedNode& node;
  std::vector<const Array*> in;  // null: left out

  const Array& x() const { return *in.at(0); }
  const DecodedAttribute& attribute(const std::string& name, AttributeType type) const {
    const auto found = node.attributes.find(name);
    want(found != node.attributes.end() && found->second.type == type, node);
    return found->second;
  }
  int64_t i(const std::string& name) const { return attribute(name, AttributeType::kInt).i; }
  const Ints& ints(const std::string& name) const {
    return attribute(name, AttributeType::kInts).ints;
  }
  Ints integers(size_t input) const {
    return {in.at(input)->values.begin(), in.at(input)->values.end()};
  }
};

// The operators on images, in a file of their own.
Array conv(const Call& call);
Array average_pool(const Call& call);
Array resize(const Call& call);
Array instance_normalization(const Call& call);

// The outputs of the model for these inputs, by their names. Throws std::logic_error for an
// operator, attribute or shape that is not as the definitions want it.
Arrays run_onnx(const DecodedModel& model, Arrays inputs);

}  // namespace ddpm
