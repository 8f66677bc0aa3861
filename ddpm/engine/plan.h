// Where each activation lies: one arena, in which what never lives together shares memory.

#pragma once

#include <cstdint>
#include <vector>

#include "ddpm/engine/graph.h"

namespace ddpm {

struct Plan {
  std::vector<int64_t> offsets;  // of each value, in floats for one image, a multiple of 16
  int64_t size = 0;              // floats of the arena for one image

  // Numbers of the operations that write it first and read it last.
  struct Life {
    int64_t first;
    int64_t last;
  };
  std::vector<Life> lives;
};

// Floats of an activation of one image: full blocks of 16 channels.
int64_t size_of(const ValueShape& shape);

// Places the values, the largest first, at the lowest offset where nothing lies that lives at the
// same time.
Plan plan_memory(const Graph& graph);

}  // namespace ddpm
