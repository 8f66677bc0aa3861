// How a set of tensors is spread over several files: as diffusers does, by the rule of
// huggingface_hub 1.x (split_torch_state_dict_into_shards).

#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace ddpm {

// "10GB", "500MB", "1.5KB", "2TB" (decimal units, in any case), or a number of bytes. Throws
// InvalidArgument that starts with `who` for anything else and for less than one byte.
int64_t parse_byte_count(std::string_view text, const std::string& who);

// Which tensors lie together, by their indices: one after the other, a new file where the next
// would make one larger than `most`. A tensor that is larger than that alone has a file of its own,
// which stands before the one that was being filled; that one goes on behind it.
//   bytes  of each tensor
//   most   of tensors' bytes in a file, at least 1
std::vector<std::vector<size_t>> split_into_shards(std::span<const int64_t> bytes, int64_t most);

// "diffusion_pytorch_model.safetensors" if there is but one, else
// "diffusion_pytorch_model-00001-of-00003.safetensors"; number is in [0, count).
std::string shard_name(size_t number, size_t count);

}  // namespace ddpm
