#include "ddpm/formats/dtype.h"

#include <array>
#include <stdexcept>

namespace ddpm {

namespace {

struct DTypeRow {
  DType dtype;
  const char* name;
  int64_t size;
};

constexpr std::array<DTypeRow, 10> kDTypes = {{{DType::kF64, "F64", 8},
                                               {DType::kF32, "F32", 4},
                                               {DType::kF16, "F16", 2},
                                               {DType::kBF16, "BF16", 2},
                                               {DType::kI64, "I64", 8},
                                               {DType::kI32, "I32", 4},
                                               {DType::kI16, "I16", 2},
                                               {DType::kI8, "I8", 1},
                                               {DType::kU8, "U8", 1},
                                               {DType::kBool, "BOOL", 1}}};

const DTypeRow& row_of(DType dtype) {
  for (const DTypeRow& row : kDTypes) {
    if (row.dtype == dtype) return row;
  }
  throw std::logic_error("dtype: an unknown one");
}

}  // namespace

int64_t size_of(DType dtype) { return row_of(dtype).size; }

const char* name_of(DType dtype) { return row_of(dtype).name; }

std::optional<DType> dtype_from(std::string_view name) {
  for (const DTypeRow& row : kDTypes) {
    if (row.name == name) return row.dtype;
  }
  return std::nullopt;
}

std::optional<int64_t> byte_count(const std::vector<int64_t>& shape, DType dtype) {
  int64_t bytes = size_of(dtype);
  bool empty = false;
  for (int64_t extent : shape) {
    if (extent == 0) {
      empty = true;
    } else if (__builtin_mul_overflow(bytes, extent, &bytes)) {
      return std::nullopt;
    }
  }
  return empty ? 0 : bytes;
}

}  // namespace ddpm
