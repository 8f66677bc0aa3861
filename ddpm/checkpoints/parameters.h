// The numbers of a network's parameters, in memory and in safetensors files.
//
// In memory they have no names: they stand in the order of unet_parameters, which knows names and
// shapes. A file is only believed if it has exactly those, so a set that was read can be used as it
// is.

#pragma once

#include <filesystem>
#include <map>
#include <span>
#include <string>
#include <vector>

#include "ddpm/formats/unet_config.h"

namespace ddpm {

// One array a parameter, float32, row-major, in the order of unet_parameters.
using ParameterValues = std::vector<std::vector<float>>;
using ParameterViews = std::vector<std::span<const float>>;  // of somebody else's numbers

ParameterViews views_of(const ParameterValues& values);

// Throws InvalidArgument that starts with `who` unless there is one array a parameter of `unet`,
// each of its size; NotFinite that names the first tensor with a number that is not finite, and how
// many it has.
void check_parameters(const UNetConfig& unet, const ParameterViews& values, const std::string& who);

// A safetensors file of one set, or of several that differ in what their names begin with. The
// numbers are written as they are, bit for bit.
//   sets  prefix -> numbers; "" for the bare names of unet_parameters
std::string encode_parameters(const UNetConfig& unet,
                              const std::map<std::string, ParameterViews>& sets,
                              const std::map<std::string, std::string>& metadata = {});

// The set whose names begin with `prefix`, as float32 (F16, BF16 and F64 are converted). Throws
// IoError; FormatError for tensors that are missing, left over or of another shape (mismatch.h) and
// for numbers that are not finite. Names that begin with one of `other_prefixes` are not left over.
ParameterValues read_parameters(const std::filesystem::path& file, const UNetConfig& unet,
                                const std::string& prefix = "",
                                std::span<const std::string> other_prefixes = {});

}  // namespace ddpm
