// A network's weights as another program's files: of another dtype, under other names, in pieces.

#pragma once

#include <cstdint>
#include <filesystem>
#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "ddpm/base/file.h"
#include "ddpm/diffusers/parameters.h"
#include "ddpm/formats/safetensors.h"
#include "ddpm/unet/config.h"

namespace ddpm {

inline constexpr int64_t kDefaultShardBytes = 10'000'000'000;  // diffusers' own default, "10GB"

// "fp32", "fp16" or "bf16". Throws InvalidArgument that starts with `who` for another word.
DType weights_dtype_from(std::string_view name, const std::string& who);
std::string weights_dtype_name(DType dtype);

// How the weights are written. Half and bfloat16 are rounded to the nearest, ties to even
// (formats/half.h).
struct WeightsForm {
  DType dtype = DType::kF32;  // kF32, kF16 or kBF16
  bool old_names = false;     // attention's names of diffusers before 0.17: legacy.h
  int64_t max_shard_bytes = kDefaultShardBytes;
};

// Throws NotFinite that starts with `who` and names the first tensor with a number that `dtype`
// cannot hold, or that is not finite, and how many it has.
void check_representable(const UNetConfig& unet, const ParameterViews& values, DType dtype,
                         const std::string& who);

// Writes the files into `folder`, which is there, tensor by tensor, so that no more than one is in
// memory beside `values`: diffusion_pytorch_model.safetensors, or, where that would hold more than
// max_shard_bytes of tensors, the pieces of shards.h and their
// diffusion_pytorch_model.safetensors.index.json. Syncs nothing: for write_folder_whole. Throws
// IoError.
//   values    that check_representable lets pass
//   metadata  for the header of each file
//   returns   the names of the files, in their order
std::vector<std::string> write_weights(const std::filesystem::path& folder, const UNetConfig& unet,
                                       const ParameterViews& values, const WeightsForm& form,
                                       const std::map<std::string, std::string>& metadata,
                                       FileLayer& files = real_files());

}  // namespace ddpm
