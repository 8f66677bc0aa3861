// For tests: the folders in which diffusers puts a network, written by hand.

#pragma once

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <cstring>
#include <filesystem>
#include <map>
#include <nlohmann/json.hpp>
#include <string>
#include <vector>

#include "ddpm/base/file.h"
#include "ddpm/base/json.h"
#include "ddpm/diffusers/attention_names.h"
#include "ddpm/formats/safetensors.h"

namespace ddpm {

struct StoredTensor {
  DType dtype;
  std::vector<int64_t> shape;
  std::string bytes;
};
using StoredTensors = std::map<std::string, StoredTensor>;

inline void write_text(const std::filesystem::path& path, std::string_view text) {
  std::filesystem::create_directories(path.parent_path());
  real_files().write(path, as_bytes(text));
}

inline StoredTensors read_tensors(const std::filesystem::path& path) {
  const SafetensorsFile file(path);
  StoredTensors tensors;
  for (const auto& [name, place] : file.tensors()) {
    tensors[name] = {place.dtype, place.shape, file.bytes(name)};
  }
  return tensors;
}

inline std::string text_of(const StoredTensors& tensors) {
  std::vector<TensorToWrite> list;
  for (const auto& [name, one] : tensors) {
    list.push_back({name, one.dtype, one.shape, as_bytes(one.bytes)});
  }
  return encode_safetensors(list);
}

inline void write_tensors(const std::filesystem::path& path, const StoredTensors& tensors) {
  write_text(path, text_of(tensors));
}

// In `count` files and an index, as save_pretrained does with max_shard_size.
//   variant  "" or "fp16": then in the name of the index and of the shards
inline void write_shards(const std::filesystem::path& folder, const StoredTensors& tensors,
                         int64_t count, const std::string& variant = "") {
  std::vector<StoredTensors> shards(static_cast<size_t>(count));
  Json index = {{"metadata", {{"total_size", 0}}}, {"weight_map", Json::object()}};
  const std::string stem = "diffusion_pytorch_model" + (variant.empty() ? "" : "." + variant);
  const auto name_of_shard = [&](size_t k) {
    return stem + "-0000" + std::to_string(k + 1) + "-of-0000" + std::to_string(count) +
           ".safetensors";
  };
  size_t bytes = 0;
  size_t i = 0;
  for (const auto& [name, one] : tensors) {
    const size_t k = i++ * shards.size() / tensors.size();
    shards[k][name] = one;
    index["weight_map"][name] = name_of_shard(k);
    bytes += one.bytes.size();
  }
  index["metadata"]["total_size"] = bytes;
  for (size_t k = 0; k < shards.size(); ++k) {
    write_tensors(folder / name_of_shard(k), shards[k]);
  }
  write_text(folder / ("diffusion_pytorch_model.safetensors.index" +
                       (variant.empty() ? "" : "." + variant) + ".json"),
             json_text(index));
}

inline StoredTensors with_old_names(const StoredTensors& tensors) {
  StoredTensors renamed;
  for (const auto& [name, one] : tensors) renamed[old_attention_name(name)] = one;
  return renamed;
}

// Each float32 number changed by `change`, which gives the bits to store.
template <typename Bits, typename Change>
StoredTensors converted(const StoredTensors& tensors, DType dtype, Change change) {
  StoredTensors result;
  for (const auto& [name, one] : tensors) {
    StoredTensor& made = result[name] = {dtype, one.shape, ""};
    for (size_t at = 0; at < one.bytes.size(); at += sizeof(float)) {
      float value = 0.0f;
      std::memcpy(&value, one.bytes.data() + at, sizeof(value));
      const Bits bits = change(value);
      made.bytes.append(reinterpret_cast<const char*>(&bits), sizeof(bits));
    }
  }
  return result;
}

// The nearest number of 11 binary digits that is a multiple of 2^-24, as binary16 has them.
inline float rounded_to_half(float value) {
  if (value == 0.0f) return value;
  const int digit = std::max(std::ilogb(value) - 10, -24);
  return std::ldexp(std::nearbyint(std::ldexp(value, -digit)), digit);
}

// The bits of a number that rounded_to_half gave, smaller than 65536: sign, exponent + 15,
// fraction.
inline uint16_t half_bits(float value) {
  const uint16_t sign = std::signbit(value) ? 0x8000 : 0;
  const float size = std::fabs(value);
  if (size < 0x1p-14f) return static_cast<uint16_t>(sign | static_cast<uint16_t>(size * 0x1p24f));
  const int exponent = std::ilogb(size);
  const auto fraction = static_cast<uint16_t>(std::ldexp(size, 10 - exponent) - 1024.0f);
  return static_cast<uint16_t>(sign | (exponent + 15) << 10 | fraction);
}

// The upper half of a float32: binary digits cut off, as bfloat16 may be made.
inline uint16_t bfloat16_bits(float value) {
  uint32_t bits = 0;
  std::memcpy(&bits, &value, sizeof(bits));
  return static_cast<uint16_t>(bits >> 16);
}

inline float cut_to_bfloat16(float value) {
  const uint32_t bits = static_cast<uint32_t>(bfloat16_bits(value)) << 16;
  std::memcpy(&value, &bits, sizeof(value));
  return value;
}

}  // namespace ddpm
