// Any bytes as a safetensors file: read, or refused with a FormatError; what is read is written and
// read again as the same tensors.

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <stdexcept>

#include "ddpm/base/check.h"
#include "ddpm/formats/safetensors.h"

namespace {

void check_round_trip(const std::map<std::string, ddpm::TensorView>& tensors,
                      const std::map<std::string, std::string>& metadata) {
  std::vector<ddpm::TensorToWrite> to_write;
  for (const auto& [name, tensor] : tensors) {
    to_write.push_back({name, tensor.dtype, tensor.shape, tensor.bytes});
  }
  const std::string file = ddpm::encode_safetensors(to_write, metadata);
  const auto again = ddpm::parse_safetensors(ddpm::as_bytes(file), "again", nullptr);
  DDPM_ASSERT(again.size() == tensors.size());
  for (const auto& [name, tensor] : tensors) {
    const ddpm::TensorView& other = again.at(name);
    DDPM_ASSERT(other.dtype == tensor.dtype && other.shape == tensor.shape);
    DDPM_ASSERT(std::equal(other.bytes.begin(), other.bytes.end(), tensor.bytes.begin(),
                           tensor.bytes.end()));
  }
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  try {
    std::map<std::string, std::string> metadata;
    const auto tensors =
        ddpm::parse_safetensors(std::as_bytes(std::span(data, size)), "fuzz", &metadata);
    for (const auto& [name, tensor] : tensors) {
      DDPM_ASSERT(tensor.count() * size_of(tensor.dtype) == std::ssize(tensor.bytes));
      try {
        DDPM_ASSERT(std::ssize(ddpm::as_floats(tensor, name)) == tensor.count());
      } catch (const ddpm::FormatError&) {
      }
    }
    check_round_trip(tensors, metadata);
  } catch (const ddpm::FormatError&) {
  }
  return 0;
}
