// What a file is that is not what its place promises: a pointer of Git LFS, a server's web page.

#pragma once

#include <string>
#include <string_view>

namespace ddpm {

// The maximum number of bytes that what_it_is reads: the start of a file is enough.
inline constexpr size_t kRecognisedBytes = 4096;

// What `bytes`, a file or its start, are by their content, with the way out where there is one, as
// the end of a message "expected safetensors, got ..": "a Git LFS pointer, not the file itself; run
// 'git lfs pull' in its repository". Empty for what is not recognised.
std::string what_it_is(std::string_view bytes);

// The same; for what is not recognised, "bytes of an unknown kind".
std::string got_instead(std::string_view bytes);

}  // namespace ddpm
