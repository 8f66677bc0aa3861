// The dtypes of safetensors files.

#pragma once

#include <cstdint>
#include <optional>
#include <string_view>
#include <vector>

namespace ddpm {

// The dtypes that are read. Only those with a number type of our own are ever written.
enum class DType { kF64, kF32, kF16, kBF16, kI64, kI32, kI16, kI8, kU8, kBool };

int64_t size_of(DType dtype);      // bytes of one element
const char* name_of(DType dtype);  // "F32"
std::optional<DType> dtype_from(std::string_view name);

// Bytes of a tensor, or nothing if the extents other than 0 have a product that no int64_t holds.
std::optional<int64_t> byte_count(const std::vector<int64_t>& shape, DType dtype);

}  // namespace ddpm
