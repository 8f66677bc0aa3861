#include <algorithm>
#include <cstring>
#include <nlohmann/json.hpp>

#include "ddpm/base/check.h"
#include "ddpm/base/file.h"
#include "ddpm/base/json.h"
#include "ddpm/formats/safetensors.h"

namespace ddpm {

namespace {

constexpr size_t kLengthBytes = 8;  // of the header's length, little-endian, at the start

int64_t checked_byte_count(const TensorHeader& tensor) {
  const bool legal = tensor.shape.size() <= kMaxSafetensorsExtents &&
                     std::all_of(tensor.shape.begin(), tensor.shape.end(),
                                 [](int64_t extent) { return extent >= 0; });
  const std::optional<int64_t> bytes = byte_count(tensor.shape, tensor.dtype);
  DDPM_CHECK(legal && bytes, "encode_safetensors: tensor ", json_shown(tensor.name),
             " cannot have the shape ", json_shown(tensor.shape));
  return *bytes;
}

void check_to_write(const TensorToWrite& tensor) {
  DDPM_CHECK(
      checked_byte_count({tensor.name, tensor.dtype, tensor.shape}) == std::ssize(tensor.bytes),
      "encode_safetensors: tensor ", json_shown(tensor.name), " of shape ",
      json_shown(tensor.shape), " and ", name_of(tensor.dtype), " does not fit its ",
      tensor.bytes.size(), " bytes");
}

// `tensors` in the order of their names.
Json header_of(const std::vector<TensorHeader>& tensors,
               const std::map<std::string, std::string>& metadata) {
  Json header;
  header[kSafetensorsMetadata] = metadata;
  header[kSafetensorsMetadata].emplace("format", "pt");
  int64_t begin = 0;
  for (const TensorHeader& tensor : tensors) {
    DDPM_CHECK(!header.contains(tensor.name), "encode_safetensors: the name ",
               json_shown(tensor.name), " is taken");
    const int64_t end = begin + checked_byte_count(tensor);
    header[tensor.name] = {
        {"dtype", name_of(tensor.dtype)}, {"shape", tensor.shape}, {"data_offsets", {begin, end}}};
    begin = end;
  }
  return header;
}

// With spaces up to a multiple of 8 bytes, so that the data behind it is aligned.
std::string header_text(const Json& header) {
  std::string text;
  try {
    text = header.dump();
  } catch (const Json::type_error& error) {
    throw InvalidArgument(concat("encode_safetensors: names must be UTF-8: ", error.what()));
  }
  text.resize((text.size() + 7) / 8 * 8, ' ');
  DDPM_CHECK(text.size() <= kMaxSafetensorsHeaderBytes,
             "encode_safetensors: the header must have at most ", kMaxSafetensorsHeaderBytes,
             " bytes, got ", text.size());
  return text;
}

}  // namespace

std::string encode_safetensors_header(std::vector<TensorHeader> tensors,
                                      const std::map<std::string, std::string>& metadata) {
  std::sort(tensors.begin(), tensors.end(),
            [](const TensorHeader& a, const TensorHeader& b) { return a.name < b.name; });
  const std::string header = header_text(header_of(tensors, metadata));
  const uint64_t length = header.size();
  std::string bytes(kLengthBytes, '\0');
  std::memcpy(bytes.data(), &length, sizeof(length));
  return bytes + header;
}

void stream_safetensors(std::vector<StreamedTensor> tensors, const ByteSink& sink,
                        const std::map<std::string, std::string>& metadata) {
  std::sort(tensors.begin(), tensors.end(), [](const StreamedTensor& a, const StreamedTensor& b) {
    return a.header.name < b.header.name;
  });
  std::vector<TensorHeader> headers;
  for (const StreamedTensor& tensor : tensors) headers.push_back(tensor.header);
  sink(as_bytes(encode_safetensors_header(std::move(headers), metadata)));
  for (const StreamedTensor& tensor : tensors) {
    int64_t bytes = 0;
    tensor.write([&](std::span<const std::byte> piece) {
      bytes += std::ssize(piece);
      sink(piece);
    });
    DDPM_ASSERT(bytes == checked_byte_count(tensor.header));
  }
}

std::string encode_safetensors(const std::vector<TensorToWrite>& tensors,
                               const std::map<std::string, std::string>& metadata) {
  std::vector<StreamedTensor> streamed;
  for (const TensorToWrite& tensor : tensors) {
    check_to_write(tensor);
    streamed.push_back({{tensor.name, tensor.dtype, tensor.shape},
                        [bytes = tensor.bytes](const ByteSink& sink) { sink(bytes); }});
  }
  std::string file;
  stream_safetensors(
      std::move(streamed), [&](std::span<const std::byte> piece) { file += as_text(piece); },
      metadata);
  return file;
}

}  // namespace ddpm
