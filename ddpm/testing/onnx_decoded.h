// For tests: a written ONNX file read back, by protozero's reader and nothing of the writer's.

#pragma once

#include <cstdint>
#include <cstring>
#include <map>
#include <protozero/pbf_message.hpp>
#include <stdexcept>
#include <string>
#include <vector>

#include "ddpm/onnx/schema.h"

namespace ddpm {

struct DecodedAttribute {
  AttributeType type{};
  float f = 0.0F;
  int64_t i = 0;
  std::string s = {};
  std::vector<int64_t> ints = {};
};

struct DecodedNode {
  std::string name;
  std::string op;
  std::vector<std::string> inputs;
  std::vector<std::string> outputs;
  std::map<std::string, DecodedAttribute> attributes;
};

struct DecodedTensor {
  int32_t type = 0;
  std::vector<int64_t> shape;
  std::string bytes;                         // raw_data
  std::map<std::string, std::string> place;  // external_data
  bool external = false;                     // data_location
};

struct DecodedValue {
  std::string name;
  std::string doc;
  int32_t type = 0;
  std::vector<std::string> shape;  // numbers and words
};

struct DecodedModel {
  int64_t ir_version = 0;
  int64_t opset = 0;
  std::string producer;
  std::map<std::string, std::string> metadata;
  std::vector<DecodedNode> nodes;
  std::vector<std::string> tensor_names;  // in the order of the file
  std::map<std::string, DecodedTensor> tensors;
  std::vector<DecodedValue> inputs;
  std::vector<DecodedValue> outputs;
};

// Reads a message field by field; `read` gets the reader at each one.
template <typename Field, typename Read>
void each_field(protozero::data_view bytes, const Read& read) {
  protozero::pbf_message<Field> message(bytes);
  while (message.next()) read(message);
}

inline std::pair<std::string, std::string> decode_pair(protozero::data_view bytes) {
  std::pair<std::string, std::string> pair;
  each_field<StringStringField>(bytes, [&](auto& m) {
    std::string& part = m.tag() == StringStringField::kKey ? pair.first : pair.second;
    part = m.get_string();
  });
  return pair;
}

inline void decode_attribute(protozero::data_view bytes, DecodedNode& node) {
  std::string name;
  DecodedAttribute attribute;
  each_field<AttributeField>(bytes, [&](auto& m) {
    switch (m.tag()) {
      case AttributeField::kName:
        name = m.get_string();
        break;
      case AttributeField::kF:
        attribute.f = m.get_float();
        break;
      case AttributeField::kI:
        attribute.i = m.get_int64();
        break;
      case AttributeField::kS:
        attribute.s = m.get_string();
        break;
      case AttributeField::kInts:
        attribute.ints.push_back(m.get_int64());
        break;
      case AttributeField::kType:
        attribute.type = AttributeType(m.get_enum());
        break;
      default:
        throw std::logic_error("an unknown field of an attribute");
    }
  });
  if (!node.attributes.emplace(name, attribute).second) throw std::logic_error(name + " twice");
}

inline DecodedNode decode_node(protozero::data_view bytes) {
  DecodedNode node;
  each_field<NodeField>(bytes, [&](auto& m) {
    switch (m.tag()) {
      case NodeField::kInput:
        node.inputs.push_back(m.get_string());
        break;
      case NodeField::kOutput:
        node.outputs.push_back(m.get_string());
        break;
      case NodeField::kName:
        node.name = m.get_string();
        break;
      case NodeField::kOpType:
        node.op = m.get_string();
        break;
      case NodeField::kAttribute:
        decode_attribute(m.get_view(), node);
        break;
      default:
        throw std::logic_error("an unknown field of a node");
    }
  });
  return node;
}

inline void decode_tensor(protozero::data_view bytes, DecodedModel& model) {
  std::string name;
  DecodedTensor tensor;
  each_field<TensorField>(bytes, [&](auto& m) {
    switch (m.tag()) {
      case TensorField::kDims:
        tensor.shape.push_back(m.get_int64());
        break;
      case TensorField::kDataType:
        tensor.type = m.get_int32();
        break;
      case TensorField::kName:
        name = m.get_string();
        break;
      case TensorField::kRawData:
        tensor.bytes = m.get_bytes();
        break;
      case TensorField::kExternalData:
        tensor.place.insert(decode_pair(m.get_view()));
        break;
      case TensorField::kDataLocation:
        tensor.external = m.get_enum() == 1;
        break;
      default:
        throw std::logic_error("an unknown field of a tensor");
    }
  });
  model.tensor_names.push_back(name);
  model.tensors[name] = tensor;
}

inline void decode_shape(protozero::data_view bytes, DecodedValue& value) {
  each_field<ShapeField>(bytes, [&](auto& shape) {
    each_field<DimensionField>(shape.get_view(), [&](auto& m) {
      const bool number = m.tag() == DimensionField::kDimValue;
      value.shape.push_back(number ? std::to_string(m.get_int64()) : m.get_string());
    });
  });
}

inline DecodedValue decode_value(protozero::data_view bytes) {
  DecodedValue value;
  each_field<ValueInfoField>(bytes, [&](auto& m) {
    if (m.tag() == ValueInfoField::kName) value.name = m.get_string();
    if (m.tag() == ValueInfoField::kDocString) value.doc = m.get_string();
    if (m.tag() != ValueInfoField::kType) return;
    each_field<TypeField>(m.get_view(), [&](auto& type) {
      each_field<TensorTypeField>(type.get_view(), [&](auto& tensor) {
        if (tensor.tag() == TensorTypeField::kElemType) value.type = tensor.get_int32();
        if (tensor.tag() == TensorTypeField::kShape) decode_shape(tensor.get_view(), value);
      });
    });
  });
  return value;
}

inline void decode_graph(protozero::data_view bytes, DecodedModel& model) {
  each_field<GraphField>(bytes, [&](auto& m) {
    switch (m.tag()) {
      case GraphField::kNode:
        model.nodes.push_back(decode_node(m.get_view()));
        break;
      case GraphField::kInitializer:
        decode_tensor(m.get_view(), model);
        break;
      case GraphField::kInput:
        model.inputs.push_back(decode_value(m.get_view()));
        break;
      case GraphField::kOutput:
        model.outputs.push_back(decode_value(m.get_view()));
        break;
      default:
        m.skip();
    }
  });
}

inline DecodedModel decode_onnx(const std::string& bytes) {
  DecodedModel model;
  each_field<ModelField>(protozero::data_view(bytes), [&](auto& m) {
    switch (m.tag()) {
      case ModelField::kIrVersion:
        model.ir_version = m.get_int64();
        break;
      case ModelField::kProducerName:
        model.producer = m.get_string();
        break;
      case ModelField::kGraph:
        decode_graph(m.get_view(), model);
        break;
      case ModelField::kMetadataProps:
        model.metadata.insert(decode_pair(m.get_view()));
        break;
      case ModelField::kOpsetImport:
        each_field<OperatorSetField>(m.get_view(),
                                     [&](auto& set) { model.opset = set.get_int64(); });
        break;
      default:
        m.skip();
    }
  });
  return model;
}

}  // namespace ddpm
