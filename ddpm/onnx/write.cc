#include "ddpm/onnx/write.h"

#include <protozero/pbf_builder.hpp>
#include <protozero/varint.hpp>

#include "ddpm/base/check.h"
#include "ddpm/base/text.h"
#include "ddpm/base/version.h"
#include "ddpm/onnx/schema.h"

namespace ddpm {

namespace {

using protozero::pbf_builder;

constexpr int64_t kLeastExternal =
    1024;                        // bytes; smaller ones are shapes, which readers want early
constexpr int64_t kPage = 4096;  // so that a reader can map each tensor
const std::string kZeros(kPage, '\0');

// A field's key and length; its bytes are for the caller to put behind.
template <typename Field>
void begin_field(std::string& buffer, Field field, int64_t bytes) {
  const auto tag = static_cast<protozero::pbf_tag_type>(field);
  const auto wire = static_cast<uint32_t>(protozero::pbf_wire_type::length_delimited);
  protozero::add_varint_to_buffer(&buffer, (tag << 3U) | wire);
  protozero::add_varint_to_buffer(&buffer, static_cast<uint64_t>(bytes));
}

template <typename Field>
void add_pair(pbf_builder<Field>& parent, Field field, const std::string& key,
              const std::string& value) {
  pbf_builder<StringStringField> pair(parent, field);
  pair.add_string(StringStringField::kKey, key);
  pair.add_string(StringStringField::kValue, value);
}

// Writes the value of an attribute by its type.
struct AttributeWriter {
  pbf_builder<AttributeField>& message;

  void type(AttributeType type) const {
    message.add_enum(AttributeField::kType, static_cast<int32_t>(type));
  }
  void operator()(int64_t value) const {
    message.add_int64(AttributeField::kI, value);
    type(AttributeType::kInt);
  }
  void operator()(float value) const {
    message.add_float(AttributeField::kF, value);
    type(AttributeType::kFloat);
  }
  void operator()(const std::string& value) const {
    message.add_bytes(AttributeField::kS, value);
    type(AttributeType::kString);
  }
  void operator()(const std::vector<int64_t>& values) const {
    for (const int64_t value : values) message.add_int64(AttributeField::kInts, value);
    type(AttributeType::kInts);
  }
};

void add_node(pbf_builder<GraphField>& graph, const OnnxNode& node) {
  pbf_builder<NodeField> message(graph, GraphField::kNode);
  for (const std::string& input : node.inputs) message.add_string(NodeField::kInput, input);
  for (const std::string& output : node.outputs) message.add_string(NodeField::kOutput, output);
  message.add_string(NodeField::kName, node.name);
  message.add_string(NodeField::kOpType, node.op);
  for (const OnnxAttribute& attribute : node.attributes) {
    pbf_builder<AttributeField> one(message, NodeField::kAttribute);
    one.add_string(AttributeField::kName, attribute.name);
    std::visit(AttributeWriter{one}, attribute.value);
  }
}

std::string encode_shape(const OnnxValue& value) {
  std::string bytes;
  pbf_builder<ShapeField> shape(bytes);
  for (const auto& extent : value.shape) {
    pbf_builder<DimensionField> dimension(shape, ShapeField::kDim);
    if (const auto* number = std::get_if<int64_t>(&extent)) {
      dimension.add_int64(DimensionField::kDimValue, *number);
    } else {
      dimension.add_string(DimensionField::kDimParam, std::get<std::string>(extent));
    }
  }
  return bytes;
}

void add_value(pbf_builder<GraphField>& graph, GraphField field, const OnnxValue& value) {
  pbf_builder<ValueInfoField> message(graph, field);
  message.add_string(ValueInfoField::kName, value.name);
  {
    pbf_builder<TypeField> type(message, ValueInfoField::kType);
    pbf_builder<TensorTypeField> tensor(type, TypeField::kTensorType);
    tensor.add_int32(TensorTypeField::kElemType, static_cast<int32_t>(value.type));
    // written even if it is empty: without a shape a number would be of unknown rank
    tensor.add_message(TensorTypeField::kShape, encode_shape(value));
  }
  if (!value.doc.empty()) message.add_string(ValueInfoField::kDocString, value.doc);
}

std::string nodes_and_name(const OnnxGraph& graph) {
  std::string bytes;
  pbf_builder<GraphField> message(bytes);
  for (const OnnxNode& node : graph.nodes()) add_node(message, node);
  message.add_string(GraphField::kName, graph.name());
  return bytes;
}

std::string inputs_and_outputs(const OnnxGraph& graph) {
  std::string bytes;
  pbf_builder<GraphField> message(bytes);
  if (!graph.doc().empty()) message.add_string(GraphField::kDocString, graph.doc());
  for (const OnnxValue& value : graph.inputs()) add_value(message, GraphField::kInput, value);
  for (const OnnxValue& value : graph.outputs()) add_value(message, GraphField::kOutput, value);
  return bytes;
}

std::string shape_type_and_name(const OnnxInitializer& tensor) {
  std::string bytes;
  pbf_builder<TensorField> message(bytes);
  for (const int64_t extent : tensor.shape) message.add_int64(TensorField::kDims, extent);
  message.add_int32(TensorField::kDataType, static_cast<int32_t>(tensor.type));
  message.add_string(TensorField::kName, tensor.name);
  return bytes;
}

// Puts the parts of a model together.
class Encoder {
 public:
  explicit Encoder(std::string data_name) : data_name_(std::move(data_name)) {}

  OnnxParts encode(const OnnxModel& model) && {
    add(nodes_and_name(model.graph));
    for (const OnnxInitializer& tensor : model.graph.initializers()) add_tensor(tensor);
    add(inputs_and_outputs(model.graph));
    const std::string& head = parts_.own.emplace_back(before_graph(model));
    parts_.model.insert(parts_.model.begin(), head);
    add(behind_graph(model));
    return std::move(parts_);
  }

 private:
  void add(std::string bytes) { parts_.model.push_back(parts_.own.emplace_back(std::move(bytes))); }

  void add_tensor(const OnnxInitializer& tensor) {
    std::string message = shape_type_and_name(tensor);
    const int64_t bytes = std::ssize(tensor.bytes);
    const bool external = !data_name_.empty() && bytes >= kLeastExternal;
    if (external) {
      add_place(message, bytes);
    } else {
      begin_field(message, TensorField::kRawData, bytes);
    }
    std::string head;
    begin_field(head, GraphField::kInitializer, std::ssize(message) + (external ? 0 : bytes));
    add(head + message);
    if (!external) {
      parts_.model.push_back(as_text(tensor.bytes));
      return;
    }
    parts_.data.push_back(as_text(tensor.bytes));
    offset_ += bytes;
    const int64_t rest = offset_ % kPage;
    if (rest == 0) return;
    parts_.data.push_back(std::string_view(kZeros).substr(static_cast<size_t>(rest)));
    offset_ += kPage - rest;
  }

  // Where in the other file the numbers are.
  void add_place(std::string& tensor, int64_t bytes) const {
    pbf_builder<TensorField> message(tensor);
    add_pair(message, TensorField::kExternalData, "location", data_name_);
    add_pair(message, TensorField::kExternalData, "offset", std::to_string(offset_));
    add_pair(message, TensorField::kExternalData, "length", std::to_string(bytes));
    message.add_enum(TensorField::kDataLocation, static_cast<int32_t>(DataLocation::kExternal));
  }

  std::string before_graph(const OnnxModel& model) const {
    std::string bytes;
    pbf_builder<ModelField> message(bytes);
    message.add_int64(ModelField::kIrVersion, kOnnxIrVersion);
    message.add_string(ModelField::kProducerName, "ddpm");
    message.add_string(ModelField::kProducerVersion, kVersion);
    if (!model.doc.empty()) message.add_string(ModelField::kDocString, model.doc);
    begin_field(bytes, ModelField::kGraph, size_of(parts_.model));
    return bytes;
  }

  static std::string behind_graph(const OnnxModel& model) {
    std::string bytes;
    pbf_builder<ModelField> message(bytes);
    pbf_builder<OperatorSetField>(message, ModelField::kOpsetImport)
        .add_int64(OperatorSetField::kOpset, kOnnxOpset);
    for (const auto& [key, value] : model.metadata) {
      add_pair(message, ModelField::kMetadataProps, key, value);
    }
    return bytes;
  }

  std::string data_name_;
  int64_t offset_ = 0;  // where the next tensor begins in the file beside the model
  OnnxParts parts_;
};

}  // namespace

int64_t size_of(const std::vector<std::string_view>& parts) {
  int64_t bytes = 0;
  for (const std::string_view part : parts) bytes += std::ssize(part);
  return bytes;
}

OnnxParts encode_onnx(const OnnxModel& model, const std::string& data_name) {
  return Encoder(data_name).encode(model);
}

std::vector<std::filesystem::path> write_onnx(const std::filesystem::path& path,
                                              const OnnxModel& model,
                                              const OnnxWriteOptions& options, FileLayer& files) {
  OnnxParts parts;
  if (!options.external_data) parts = encode_onnx(model);
  const std::string data_name = path.filename().string() + ".data";
  const bool beside = options.external_data || size_of(parts.model) > options.largest_file;
  if (beside) parts = encode_onnx(model, data_name);
  DDPM_CHECK(size_of(parts.model) <= options.largest_file, path.string(),
             ": an ONNX file must have at most ", with_thousands(options.largest_file),
             " bytes, got ", with_thousands(size_of(parts.model)), " without its numbers");
  if (parts.data.empty()) {
    write_files_whole({{path, parts.model}}, files);
    return {path};
  }
  const std::filesystem::path data = path.parent_path() / data_name;
  write_files_whole({{data, parts.data}, {path, parts.model}}, files);
  return {path, data};
}

}  // namespace ddpm
