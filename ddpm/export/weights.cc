#include "ddpm/export/weights.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <nlohmann/json.hpp>

#include "ddpm/base/check.h"
#include "ddpm/base/json.h"
#include "ddpm/base/names.h"
#include "ddpm/export/legacy.h"
#include "ddpm/export/shards.h"
#include "ddpm/formats/half.h"
#include "ddpm/unet/parameters.h"

namespace ddpm {

namespace {

constexpr const char* kIndexName = "diffusion_pytorch_model.safetensors.index.json";

constexpr std::array<Named<DType>, 3> kDTypeNames = {
    {{DType::kF32, "fp32"}, {DType::kF16, "fp16"}, {DType::kBF16, "bf16"}}};

// One tensor to be written.
struct Piece {
  TensorHeader header;
  std::span<const float> values;

  int64_t bytes() const { return std::ssize(values) * size_of(header.dtype); }
};

// What a number becomes in 16 bits, and back.
uint16_t narrow(float value, DType dtype) {
  return dtype == DType::kF16 ? half_of_float(value) : bfloat16_of_float(value);
}
float stored(float value, DType dtype) {
  if (dtype == DType::kF32) return value;
  const uint16_t bits = narrow(value, dtype);
  return dtype == DType::kF16 ? float_of_half(bits) : float_of_bfloat16(bits);
}

// In the order of `unet_parameters`, which is that of diffusers' own state_dict.
std::vector<Piece> pieces_of(const UNetConfig& unet, const ParameterViews& values,
                             const WeightsForm& form) {
  const std::vector<NamedShape> parameters = unet_parameters(unet);
  DDPM_ASSERT(parameters.size() == values.size());
  std::vector<Piece> pieces;
  for (size_t i = 0; i < values.size(); ++i) {
    const std::string& name = parameters[i].name;
    pieces.push_back(
        {{form.old_names ? old_parameter_name(name) : name, form.dtype, parameters[i].shape},
         values[i]});
  }
  return pieces;
}

void append_tensor(const std::filesystem::path& file, const Piece& piece, FileLayer& files) {
  const DType dtype = piece.header.dtype;
  if (dtype == DType::kF32) {
    files.append(file, std::as_bytes(piece.values));
    return;
  }
  std::vector<uint16_t> narrowed(piece.values.size());
  std::transform(piece.values.begin(), piece.values.end(), narrowed.begin(),
                 [dtype](float value) { return narrow(value, dtype); });
  files.append(file, std::as_bytes(std::span<const uint16_t>(narrowed)));
}

void write_shard(const std::filesystem::path& file, std::vector<Piece> pieces,
                 const std::map<std::string, std::string>& metadata, FileLayer& files) {
  std::sort(pieces.begin(), pieces.end(),
            [](const Piece& a, const Piece& b) { return a.header.name < b.header.name; });
  std::vector<TensorHeader> headers;
  for (const Piece& piece : pieces) headers.push_back(piece.header);
  files.write(file, as_bytes(encode_safetensors_header(std::move(headers), metadata)));
  for (const Piece& piece : pieces) append_tensor(file, piece, files);
}

}  // namespace

DType weights_dtype_from(std::string_view name, const std::string& who) {
  return value_named(kDTypeNames, who, name);
}

std::string weights_dtype_name(DType dtype) { return name_of(kDTypeNames, dtype); }

void check_representable(const UNetConfig& unet, const ParameterViews& values, DType dtype,
                         const std::string& who) {
  check_parameters(unet, values, who);
  const std::vector<NamedShape> parameters = unet_parameters(unet);
  for (size_t i = 0; i < values.size(); ++i) {
    const auto lost = std::count_if(values[i].begin(), values[i].end(), [dtype](float value) {
      return !std::isfinite(stored(value, dtype));
    });
    if (lost > 0) {
      throw NotFinite(concat(who, ": ", parameters[i].name, " has ", lost, " of ", values[i].size(),
                             " values that are too large for ", weights_dtype_name(dtype)));
    }
  }
}

std::vector<std::string> write_weights(const std::filesystem::path& folder, const UNetConfig& unet,
                                       const ParameterViews& values, const WeightsForm& form,
                                       const std::map<std::string, std::string>& metadata,
                                       FileLayer& files) {
  const std::vector<Piece> pieces = pieces_of(unet, values, form);
  std::vector<int64_t> bytes;
  for (const Piece& piece : pieces) bytes.push_back(piece.bytes());
  const auto shards = split_into_shards(bytes, form.max_shard_bytes);
  std::vector<std::string> names;
  Json places = Json::object();
  int64_t total = 0;
  for (size_t i = 0; i < shards.size(); ++i) {
    names.push_back(shard_name(i, shards.size()));
    std::vector<Piece> inside;
    for (const size_t number : shards[i]) {
      inside.push_back(pieces[number]);
      places[pieces[number].header.name] = names.back();
      total += bytes[number];
    }
    write_shard(folder / names.back(), std::move(inside), metadata, files);
  }
  if (shards.size() > 1) {
    const Json index = {{"metadata", {{"total_size", total}}}, {"weight_map", places}};
    names.emplace_back(kIndexName);
    files.write(folder / kIndexName, as_bytes(json_text(index)));
  }
  return names;
}

}  // namespace ddpm
