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
#include "ddpm/base/streamed_file.h"
#include "ddpm/formats/dtype.h"

namespace ddpm {

constexpr uint64_t kMaxSafetensorsHeaderBytes = 100'000'000;
constexpr size_t kMaxSafetensorsExtents = 8;
constexpr const char* kSafetensorsMetadata = "__metadata__";

// One tensor of bytes in memory: where it is and what.
struct TensorView {
  DType dtype;
  std::vector<int64_t> shape;
  std::span<const std::byte> bytes;  // row-major

  int64_t count() const;  // values
};

// One tensor of a file: what it is, and where its bytes are.
struct TensorPlace {
  DType dtype;
  std::vector<int64_t> shape;
  int64_t begin;  // of its bytes, row-major, in the file
  int64_t bytes;

  int64_t count() const;  // elements
};

// An opened file, of which only the header is in memory. Several threads may read at once.
class SafetensorsFile {
 public:
  // Checks the whole header before anything is believed: docs/formats.md lists the rules. Throws
  // IoError; FormatError names the rule and the tensor. A zip or pickle file is refused with the
  // command that converts it.
  explicit SafetensorsFile(const std::filesystem::path& path);

  const std::map<std::string, TensorPlace>& tensors() const { return tensors_; }
  const std::map<std::string, std::string>& metadata() const { return metadata_; }

  // The elements of a tensor of tensors(), read in parts of 1 MiB. IoError also if the file has
  // been changed since it was opened.
  //   floats  as float32; F64, F32, F16 and BF16 only, FormatError that starts with `who` otherwise
  //   bytes   as they are in the file
  std::vector<float> floats(const std::string& name, const std::string& who) const;
  std::string bytes(const std::string& name) const;

 private:
  InputFile file_;
  std::map<std::string, TensorPlace> tensors_;
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
void refuse_pickle(const std::filesystem::path& path);  // IoError if it is no regular file

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

// A tensor whose bytes are made when they are written: `write` passes them to the sink, in order
// and in pieces of any size.
struct StreamedTensor {
  TensorHeader header;
  std::function<void(const ByteSink& sink)> write;
};

// Passes a whole file to `sink`: header and data, tensors in the order of their names, data aligned
// to 8 bytes, with metadata {"format": "pt"} and whatever is given. The same input gives the same
// bytes. Throws InvalidArgument, before the first byte, for a name given twice or a shape that no
// tensor has.
void stream_safetensors(std::vector<StreamedTensor> tensors, const ByteSink& sink,
                        const std::map<std::string, std::string>& metadata = {});

// The same file in memory. Throws InvalidArgument also for a shape that does not fit its bytes.
std::string encode_safetensors(const std::vector<TensorToWrite>& tensors,
                               const std::map<std::string, std::string>& metadata = {});

}  // namespace ddpm
