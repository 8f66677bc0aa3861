// Where each activation lies: one arena, in which values that never live together share memory.

#pragma once

#include <cstdint>
#include <vector>

#include "ddpm/unet/graph.h"

namespace ddpm {

struct MemoryPlan {
  // The values whose blocks of channels a value consists of, in order: itself, or the inputs of a
  // concatenation that is read in place and never carried out.
  std::vector<std::vector<ValueId>> parts;
  std::vector<int64_t> offsets;  // floats per image, a multiple of 16; -1 for a value of parts
  int64_t size = 0;              // floats of the arena per image
  std::vector<Lifetime> lifetimes;

  // Where the outputs of each projection begin in the row of all: full blocks of 16 for the
  // channels, and again for the shift behind a scale.
  std::vector<int64_t> time_offsets;
  int64_t time_row = 0;
};

// False for a concatenation that is read in place.
bool is_carried_out(const MemoryPlan& plan, const Operator& op);

// Floats of an activation of one image: full blocks of 16 channels.
int64_t size_of(const ValueShape& shape);

// Places the values, the largest first, at the lowest offset where nothing lies that lives at the
// same time.
MemoryPlan plan_memory(const Graph& graph);

}  // namespace ddpm
