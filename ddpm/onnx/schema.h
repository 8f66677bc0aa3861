// The numbers of ONNX's protobuf schema that are written here, by the message and field they mean.
//
// Source: onnx.proto of ONNX 1.8, IR version 7 (https://github.com/onnx/onnx). A number there never
// changes its meaning: newer versions only add some. Repeated numbers are unpacked, as in that
// file.

#pragma once

#include <cstdint>
#include <protozero/types.hpp>

namespace ddpm {

// Operator set 13 is the oldest in which Softmax is along one axis and Split takes its sizes as an
// input, as they still are; nothing newer is needed. So the files are for every runtime since ONNX
// 1.8, of 2020.
inline constexpr int64_t kOnnxIrVersion = 7;  // that of ONNX 1.8
inline constexpr int64_t kOnnxOpset = 13;

enum class ModelField : protozero::pbf_tag_type {
  kIrVersion = 1,
  kProducerName = 2,
  kProducerVersion = 3,
  kDocString = 6,
  kGraph = 7,
  kOpsetImport = 8,
  kMetadataProps = 14,
};

enum class OperatorSetField : protozero::pbf_tag_type {
  kOpset = 2
};  // version; no domain: ONNX's own

enum class StringStringField : protozero::pbf_tag_type { kKey = 1, kValue = 2 };

enum class GraphField : protozero::pbf_tag_type {
  kNode = 1,
  kName = 2,
  kInitializer = 5,
  kDocString = 10,
  kInput = 11,
  kOutput = 12,
};

enum class NodeField : protozero::pbf_tag_type {
  kInput = 1,
  kOutput = 2,
  kName = 3,
  kOpType = 4,
  kAttribute = 5,
};

enum class AttributeField : protozero::pbf_tag_type {
  kName = 1,
  kF = 2,
  kI = 3,
  kS = 4,
  kInts = 8,
  kType = 20,
};

enum class AttributeType : int32_t { kFloat = 1, kInt = 2, kString = 3, kInts = 7 };

enum class TensorField : protozero::pbf_tag_type {
  kDims = 1,
  kDataType = 2,
  kName = 8,
  kRawData = 9,
  kExternalData = 13,
  kDataLocation = 14,
};

enum class DataLocation : int32_t { kExternal = 1 };

enum class ValueInfoField : protozero::pbf_tag_type { kName = 1, kType = 2, kDocString = 3 };
enum class TypeField : protozero::pbf_tag_type { kTensorType = 1 };
enum class TensorTypeField : protozero::pbf_tag_type { kElemType = 1, kShape = 2 };
enum class ShapeField : protozero::pbf_tag_type { kDim = 1 };
enum class DimensionField : protozero::pbf_tag_type { kDimValue = 1, kDimParam = 2 };

}  // namespace ddpm
