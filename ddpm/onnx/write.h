// ONNX files: a graph as protobuf, its numbers inside or in a file beside it.

#pragma once

#include <cstdint>
#include <deque>
#include <filesystem>
#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "ddpm/base/file.h"
#include "ddpm/onnx/graph.h"

namespace ddpm {

struct OnnxModel {
  OnnxGraph graph;
  std::string doc;
  std::map<std::string, std::string> metadata;  // what a runtime shows of the model
};

// The bytes of a model's files, each in parts behind each other: the numbers are those of the model
// and not copied, so it must outlive this.
struct OnnxParts {
  OnnxParts() = default;
  OnnxParts(OnnxParts&&) = default;  // a copy would point into this one
  OnnxParts& operator=(OnnxParts&&) = default;

  std::vector<std::string_view> model;
  std::vector<std::string_view> data;  // of the file beside it; none if all is inside
  std::deque<std::string> own;         // what the parts that are not numbers point into
};

// The same model gives the same bytes.
//   data_name  the name of the file beside the model, which then holds every tensor of at least 1
//              KiB, each from a multiple of 4096 bytes on; "": all is inside
OnnxParts encode_onnx(const OnnxModel& model, const std::string& data_name = "");

int64_t size_of(const std::vector<std::string_view>& parts);  // bytes

// 2 GiB less one byte: what a message of protobuf, and so an ONNX file, may have.
inline constexpr int64_t kLargestOnnxFile = (int64_t{1} << 31) - 1;

struct OnnxWriteOptions {
  bool external_data = false;  // the numbers beside the model, even if they fit into it
  int64_t largest_file = kLargestOnnxFile;
};

// Writes `path`, and beside it `path`.data where that is asked for or needed, because one file
// would be larger than options.largest_file. Both are complete before the model has its name.
// Returns the files written, the model first. Throws IoError; InvalidArgument if the graph without
// its numbers is larger than a file may be.
std::vector<std::filesystem::path> write_onnx(const std::filesystem::path& path,
                                              const OnnxModel& model,
                                              const OnnxWriteOptions& options = {},
                                              FileLayer& files = real_files());

}  // namespace ddpm
