// Random123's Philox4x64-10, and the words of a stream by their place in it.

#pragma once

#include <array>
#include <cstdint>
#include <span>

#include "ddpm/random/stream.h"

namespace ddpm {

using PhiloxCounter = std::array<uint64_t, 4>;
using PhiloxKey = std::array<uint64_t, 2>;

// The four words that the function gives for a counter under a key.
PhiloxCounter philox4x64_10(const PhiloxCounter& counter, const PhiloxKey& key);

// Words 4 first_block, 4 first_block + 1, .. of the stream.
void fill_words_from(const Stream& stream, uint64_t first_block, std::span<uint64_t> out);

}  // namespace ddpm
