#include "ddpm/cli/out_of_memory.h"

#include <algorithm>
#include <array>
#include <new>
#include <optional>
#include <stdexcept>
#include <string_view>
#include <system_error>

#include "ddpm/base/available_memory.h"
#include "ddpm/base/check.h"
#include "ddpm/base/text.h"

namespace ddpm {

namespace {

// Parts of what LibTorch and CUDA write.
constexpr std::array<std::string_view, 6> kTexts = {
    "DefaultCPUAllocator", "CUDA out of memory",         "HIP out of memory",
    "out of memory",       "CUBLAS_STATUS_ALLOC_FAILED", "could not create a memory"};

// Flags on which memory depends, the strongest first.
constexpr std::array<std::string_view, 6> kFlags = {
    "--batch-size", "--data-cache-bytes", "--image-size", "--images", "--count", "--threads"};

bool has_text_of_memory(const std::string& text) {
  return std::any_of(kTexts.begin(), kTexts.end(),
                     [&](std::string_view part) { return text.find(part) != std::string::npos; });
}

bool is_refused_thread(const std::exception& error) {
  const auto* system = dynamic_cast<const std::system_error*>(&error);
  return system != nullptr && (system->code() == std::errc::resource_unavailable_try_again ||
                               system->code() == std::errc::not_enough_memory);
}

// "a, b or c".
std::string alternatives(const std::vector<std::string>& words) {
  std::string text = words[0];
  for (size_t i = 1; i < words.size(); ++i) {
    text += (i + 1 == words.size() ? " or " : ", ") + words[i];
  }
  return text;
}

bool is_of_gpu(const std::string& text) {
  return text.find("CUDA") != std::string::npos || text.find("HIP") != std::string::npos ||
         text.find("CUBLAS") != std::string::npos;
}

}  // namespace

bool is_out_of_memory(const std::exception& error) {
  if (dynamic_cast<const std::bad_alloc*>(&error) != nullptr) return true;
  if (dynamic_cast<const std::length_error*>(&error) != nullptr) return true;
  if (is_refused_thread(error)) return true;
  // an error of our own may quote a path
  return dynamic_cast<const Error*>(&error) == nullptr && has_text_of_memory(error.what());
}

std::string out_of_memory_line(const std::string& command, const std::vector<std::string>& flags,
                               const std::exception& error) {
  std::vector<std::string> useful;
  for (const std::string_view flag : kFlags) {
    if (std::find(flags.begin(), flags.end(), flag) != flags.end()) useful.emplace_back(flag);
  }
  const std::string where =
      is_of_gpu(error.what())
          ? " on the GPU"
          : concat(" (", readable_bytes(available_memory_bytes()), " available)");
  return concat(command, ": not enough memory", where, ": ",
                useful.empty() ? "end other programs, or take a machine or container with more"
                               : "lower " + alternatives(useful));
}

}  // namespace ddpm
