// safetensors files: named tensors as little-endian bytes behind a JSON header.

#pragma once

#include <cstdint>
#include <filesystem>
#include <functional>
#include <map>
#include <span>
#include <string>
#include <vector>

#include "ddpm/base/file.h"

namespace ddpm {

// The dtypes that are read. Only those with a number type of our own are ever written.
enum class DType { kF64, kF32, kF16, kBF16, kI64, kI32, kI16, kI8, kU8, kBool };

int64_t size_of(DType dtype);      // bytes of one value
const char* name_of(DType dtype);  // "F32"

// One tensor of a file: where it is and what.
struct TensorView {
  DType dtype;
  std::vector<int64_t> shape;
  std::span<const std::byte> bytes;  // row-major

  int64_t count() const;  // values
};

// An opened file; its views point into the mapping and live as long as this object.
class SafetensorsFile {
 public:
  // Maps and checks the whole header before anything is believed: docs/formats.md lists the rules.
  // Throws IoError; FormatError names the rule and the tensor. A zip or pickle file is refused with
  // the command that converts it.
  explicit SafetensorsFile(const std::filesystem::path& path);

  const std::map<std::string, TensorView>& tensors() const { return tensors_; }
  const std::map<std::string, std::string>& metadata() const { return metadata_; }

 private:
  MappedFile file_;
  std::map<std::string, TensorView> tensors_;
  std::map<std::string, std::string> metadata_;
};

// The same over bytes in memory, for tests and fuzzers; the views point into `bytes`.
std::map<std::string, TensorView> parse_safetensors(std::span<const std::byte> bytes,
                                                    const std::string& who,
                                                    std::map<std::string, std::string>* metadata);

// Throws FormatError if these are the bytes of a file that torch.save wrote: a zip archive, or a
// bare pickle in its early form. Its message starts with `who`, the file's path, and has the
// command that converts it.
void refuse_pickle(std::span<const std::byte> bytes, const std::string& who);

// The values as float32. F64, F32, F16 and BF16 only; FormatError for another dtype.
std::vector<float> as_floats(const TensorView& tensor, const std::string& who);

// What a header says of a tensor.
struct TensorHeader {
  std::string name;
  DType dtype;
  std::vector<int64_t> shape;
};

// Everything of a file in front of its data, which are then the tensors' bytes in the order of
// their names: for whoever writes a file piece by piece. With metadata {"format": "pt"} and
// whatever is given; a multiple of 8 bytes. Throws InvalidArgument for a name given twice and for
// a shape that no tensor has.
std::string encode_safetensors_header(std::vector<TensorHeader> tensors,
                                      const std::map<std::string, std::string>& metadata = {});

// A tensor to be written: `bytes` must outlive the call.
struct TensorToWrite {
  std::string name;
  DType dtype;
  std::vector<int64_t> shape;
  std::span<const std::byte> bytes;
};

// Header and data, tensors in the order of their names, data aligned to 8 bytes, with
// metadata {"format": "pt"} and whatever is given. The same input gives the same bytes.
// Throws InvalidArgument for a name given twice or a shape that does not fit its bytes.
std::string encode_safetensors(std::vector<TensorToWrite> tensors,
                               const std::map<std::string, std::string>& metadata = {});

}  // namespace ddpm
