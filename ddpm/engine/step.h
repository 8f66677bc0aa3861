// An operator of the graph made ready: its weights packed, its work cut into parts.

#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <vector>

#include "ddpm/engine/memory.h"
#include "ddpm/engine/memory_plan.h"
#include "ddpm/engine/packed_matrix.h"
#include "ddpm/engine/workers.h"
#include "ddpm/kernels/kernels.h"
#include "ddpm/unet/graph.h"

namespace ddpm {

// What all steps of one engine share.
struct Engine {
  const Graph& graph;
  const Kernels& kernels;
  Precision precision;
  bool keep_transformed;  // U of Winograd's algorithm, see transformed_kernels.h
};

// Where channels are parts of an operation, a worker has these blocks of them together: the columns
// of a panel, so that what a convolution's worker has written is read by the same one in the
// operations that follow.
inline constexpr int64_t kBlocksTogether = kPanelColumns / kLanes;

// Bytes that a step needs while it runs, beside activations.
struct ScratchNeed {
  int64_t shared = 0;
  int64_t per_worker = 0;
};

// One call of the network.
struct Pass {
  const Kernels& kernels;
  Workers& workers;
  const MemoryPlan& plan;
  const Graph& graph;
  int64_t at_once;
  int64_t n;            // images
  const float* x;       // [n, C, H, W]
  float* output;        // [n, C or 2 C, H, W]
  const float* time;    // rows of all projections of the time embedding
  int64_t time_stride;  // from an image's row to the next's; 0: one for all
  float* arena;
  std::byte* shared;
  std::byte* worker_scratch;
  int64_t worker_scratch_size;

  // Block `number` of an activation with memory of its own: [n][H][W][16]. The blocks lie one after
  // the other.
  float* block(ValueId id, int64_t number) const {
    return arena + plan.offsets[static_cast<size_t>(id)] * at_once +
           number * n * graph.value(id).pixels() * kLanes;
  }
  // Block `number` of any activation, also of one that lies in parts.
  const float* block_in_parts(ValueId id, int64_t number) const;

  // The outputs of a projection for an image of the pass.
  const float* projection(TimeId id, int64_t image) const {
    return time + image * time_stride + plan.time_offsets[static_cast<size_t>(id)];
  }

  std::byte* scratch_of(int64_t worker) const {
    return worker_scratch + worker * worker_scratch_size;
  }
};

class Step {
 public:
  virtual ~Step() = default;
  // For calls of up to so many images.
  virtual ScratchNeed scratch(int64_t /*images*/) const { return {}; }
  virtual int64_t weight_bytes() const { return 0; }
  // Multiply-adds for one image, where the algorithm has others than the definition.
  virtual std::optional<double> computed() const { return std::nullopt; }
  virtual void run(const Pass& pass) const = 0;
};

// Makes an operator ready that is carried out. Throws what `tensors` throws.
std::unique_ptr<Step> make_step(const Engine& engine, const Operator& op,
                                const TensorSource& tensors);

}  // namespace ddpm
