// A graph of ONNX operators, built node by node. A node can only use what is there already, so the
// order in which they are added is one in which they can be run.

#pragma once

#include <cstdint>
#include <deque>
#include <set>
#include <span>
#include <string>
#include <utility>
#include <variant>
#include <vector>

namespace ddpm {

enum class OnnxType : int32_t { kFloat = 1, kInt64 = 7 };  // TensorProto.DataType

struct OnnxAttribute {
  std::string name;
  std::variant<int64_t, float, std::string, std::vector<int64_t>> value;
};

struct OnnxNode {
  std::string op;    // of ONNX's own operators: "Conv"
  std::string name;  // unlike that of any other node
  std::vector<std::string> inputs;
  std::vector<std::string> outputs;
  std::vector<OnnxAttribute> attributes;
};

// A tensor that belongs to the model: a parameter or a constant.
struct OnnxInitializer {
  std::string name;
  OnnxType type;
  std::vector<int64_t> shape;
  std::span<const std::byte> bytes;  // little-endian, row-major
};

// What is given to the graph, or comes out of it.
struct OnnxValue {
  std::string name;
  OnnxType type;
  std::vector<std::variant<int64_t, std::string>> shape;  // a word: an extent known when it is run
  std::string doc;
};

class OnnxGraph {
 public:
  explicit OnnxGraph(std::string name, std::string doc = "");
  OnnxGraph(OnnxGraph&&) = default;
  OnnxGraph& operator=(OnnxGraph&&) = default;

  // All return the name of the value, to be used as an input. They throw std::logic_error for a
  // name that is taken or an input that is not there, for these are mistakes of the one who builds.
  std::string input(OnnxValue value);
  // The numbers are not copied: they must outlive the graph.
  std::string parameter(const std::string& name, std::vector<int64_t> shape,
                        std::span<const float> values);
  // Constants are copied. One of a name and the same numbers may be asked for again.
  std::string constant(const std::string& name, std::vector<int64_t> shape,
                       const std::vector<float>& values);
  std::string constant(const std::string& name, std::vector<int64_t> shape,
                       const std::vector<int64_t>& values);
  // A node of one output, which has the node's name.
  std::string node(const std::string& op, const std::string& name, std::vector<std::string> inputs,
                   std::vector<OnnxAttribute> attributes = {});
  // A node of any number of outputs.
  void add(OnnxNode node);
  // Says that this value, which is there, is what the graph gives.
  void output(OnnxValue value);

  const std::string& name() const { return name_; }
  const std::string& doc() const { return doc_; }
  const std::vector<OnnxNode>& nodes() const { return nodes_; }
  const std::vector<OnnxInitializer>& initializers() const { return initializers_; }
  const std::vector<OnnxValue>& inputs() const { return inputs_; }
  const std::vector<OnnxValue>& outputs() const { return outputs_; }

 private:
  void define(const std::string& value);  // a new name
  std::string initializer(OnnxInitializer initializer);
  std::string constant_of_bytes(OnnxInitializer initializer);

  std::string name_;
  std::string doc_;
  std::vector<OnnxNode> nodes_;
  std::vector<OnnxInitializer> initializers_;
  std::vector<OnnxValue> inputs_;
  std::vector<OnnxValue> outputs_;
  std::set<std::string> values_;      // all names so far
  std::set<std::string> node_names_;  // which live in a space of their own
  std::deque<std::vector<std::byte>> constants_;
};

}  // namespace ddpm
