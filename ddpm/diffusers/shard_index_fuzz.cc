// Any text as the index of a sharded set of weights: refused with a FormatError, or every shard
// that it names lies beside it.

#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <string_view>

#include "ddpm/base/check.h"
#include "ddpm/diffusers/shard_index.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  const std::string_view text(reinterpret_cast<const char*>(data), size);
  try {
    const ddpm::ShardIndex index = ddpm::parse_shard_index(text, "fuzz");
    DDPM_ASSERT(!index.file_of.empty());
    const std::filesystem::path folder = "/weights";
    for (const auto& [name, file] : index.file_of) {
      const std::filesystem::path shard = (folder / file).lexically_normal();
      DDPM_ASSERT(shard.parent_path() == folder && shard.extension() == ".safetensors");
    }
  } catch (const ddpm::FormatError&) {
  }
  return 0;
}
