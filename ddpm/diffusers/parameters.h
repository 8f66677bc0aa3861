// The numbers of a network's parameters, in memory and in safetensors files.
//
// In memory they have no names: they stand in the order of unet_parameters, which knows names and
// shapes. A file is only believed if it has exactly those, so a set that was read can be used as it
// is.

#pragma once

#include <cstddef>
#include <filesystem>
#include <functional>
#include <map>
#include <span>
#include <string>
#include <utility>
#include <vector>

#include "ddpm/base/streamed_file.h"
#include "ddpm/unet/config.h"
#include "ddpm/unet/parameters.h"

namespace ddpm {

// One array a parameter, float32, row-major, in the order of unet_parameters.
using ParameterValues = std::vector<std::vector<float>>;
using ParameterViews = std::vector<std::span<const float>>;  // of somebody else's numbers

ParameterViews views_of(const ParameterValues& values);

// One array a parameter, each there only while it is taken: of numbers on another device, or in
// another memory order, no more than one array is copied at a time.
class ParameterArrays {
 public:
  using Take = std::function<void(std::span<const float> values)>;
  using Give = std::function<void(size_t k, const Take& take)>;  // calls take once

  // `views` and what they show, and what `give` refers to, must outlive this object.
  ParameterArrays(ParameterViews views);  // NOLINT: views are arrays, wherever those are expected
  ParameterArrays(size_t count, Give give) : count_(count), give_(std::move(give)) {}

  size_t size() const { return count_; }
  void give(size_t k, const Take& take) const { give_(k, take); }

 private:
  size_t count_;
  Give give_;
};

// Throws InvalidArgument that starts with `who` unless there is one array a parameter of `unet`,
// each of its size; NotFinite that names the first tensor with a number that is not finite, and how
// many it has.
void check_parameters(const UNetConfig& unet, const ParameterArrays& values,
                      const std::string& who);

// Passes a safetensors file of one set, or of several that differ in what their names begin with,
// to `sink`, array by array. The numbers are written as they are, bit for bit.
//   sets  prefix -> numbers; "" for the bare names of unet_parameters
void stream_parameters(const UNetConfig& unet, const std::map<std::string, ParameterArrays>& sets,
                       const ByteSink& sink,
                       const std::map<std::string, std::string>& metadata = {});

// The same file in memory.
std::string encode_parameters(const UNetConfig& unet,
                              const std::map<std::string, ParameterViews>& sets,
                              const std::map<std::string, std::string>& metadata = {});

// The set whose names begin with `prefix`, as float32 (F16, BF16 and F64 are converted). Throws
// IoError; FormatError for tensors that are missing, left over or of another shape (mismatch.h) and
// for numbers that are not finite. Names that begin with one of `other_prefixes` are not left over.
ParameterValues read_parameters(const std::filesystem::path& file, const UNetConfig& unet,
                                const std::string& prefix = "",
                                std::span<const std::string> other_prefixes = {});

// The same array by array: calls take(k, values) for each k of unet_parameters(unet), in order.
// Throws for a set that does not fit before the first call.
void for_each_parameter(const std::filesystem::path& file, const UNetConfig& unet,
                        const std::string& prefix, std::span<const std::string> other_prefixes,
                        const std::function<void(size_t k, std::vector<float> values)>& take);

}  // namespace ddpm
