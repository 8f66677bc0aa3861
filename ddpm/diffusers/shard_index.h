// diffusion_pytorch_model.safetensors.index.json: which of several safetensors files has which
// tensor. docs/formats.md has the rules.

#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <string_view>

namespace ddpm {

struct ShardIndex {
  std::map<std::string, std::string> file_of;  // tensor -> shard, a file beside the index
  std::optional<int64_t> total_bytes;          // of all tensors, if the index says so
};

// Throws FormatError that starts with `who` and names the rule. Every shard's name is a plain one:
// it ends in .safetensors and leads to no other folder.
ShardIndex parse_shard_index(std::string_view text, const std::string& who);

}  // namespace ddpm
