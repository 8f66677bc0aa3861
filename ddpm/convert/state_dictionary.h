// The names and shapes of a state dictionary that another system wrote, and whose names they are.

#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "ddpm/base/check.h"

namespace ddpm {

// The systems whose checkpoints are known here.
enum class SourceSystem {
  kImprovedDiffusion,  // openai/improved-diffusion
  kGuidedDiffusion,    // openai/guided-diffusion, which has the same names and more options
  kDdpmTorch,          // tqch/ddpm-torch
  kLucidrains,  // lucidrains/denoising-diffusion-pytorch, recognised and refused: another network
};

// "improved-diffusion", "openai-guided", "ddpm-torch", "lucidrains".
std::string to_string(SourceSystem system);
// Throws InvalidArgument, with the nearest name, for any other word.
SourceSystem source_system_from(std::string_view name);
std::vector<std::string> source_system_names();

using Shapes = std::map<std::string, std::vector<int64_t>>;

// One set of weights of a file.
struct StateDictionary {
  std::string who;      // the file, as errors name it
  std::string prefix;   // what each of its names begins with in the file; "" or ends with "."
  Shapes shapes;        // by the names behind the prefix
  int64_t outside = 0;  // tensors of the file without the prefix

  bool has(const std::string& name) const { return shapes.count(name) > 0; }
  // Throws FormatError unless the tensor is there with so many extents.
  const std::vector<int64_t>& shape(const std::string& name, size_t rank) const;
  // Throws FormatError that starts with `who`.
  template <typename... Parts>
  [[noreturn]] void fail(const Parts&... parts) const {
    throw FormatError(concat(who, ": ", parts...));
  }
};

// The weights that have the names of `system`, under whatever prefix they stand ("module.",
// "ema.shadow."); of several sets the one whose prefix begins with "ema". Throws InvalidArgument if
// the names are another system's, saying whose; FormatError if nobody's, or if there are several
// sets and none, or more than one, is an average.
StateDictionary read_state_dictionary(const Shapes& file, SourceSystem system,
                                      const std::string& who);

}  // namespace ddpm
