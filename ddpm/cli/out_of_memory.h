// Memory that could not be had, as one line with what to lower.

#pragma once

#include <exception>
#include <string>
#include <vector>

namespace ddpm {

// Whether `error` means that memory, or the memory of a thread, could not be allocated: by this
// program (std::bad_alloc, std::length_error, std::system_error) or by LibTorch on the CPU or a
// GPU, whose errors have no type of their own here and are known by their texts.
bool is_out_of_memory(const std::exception& error);

// "sample: not enough memory (1.2 GiB available): lower --batch-size or --threads": those of
// `flags`, a command's own, on which the memory that it takes depends; without any, only that more
// is needed.
std::string out_of_memory_line(const std::string& command, const std::vector<std::string>& flags,
                               const std::exception& error);

}  // namespace ddpm
