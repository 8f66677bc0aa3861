// The time embedding: a row of all its projections for each timestep.
//
// A row depends on the timestep (and the label) alone, so it is computed once and kept.

#pragma once

#include <cstdint>
#include <vector>

#include "ddpm/engine/memory.h"
#include "ddpm/engine/memory_plan.h"
#include "ddpm/engine/packed_matrix.h"
#include "ddpm/engine/workers.h"
#include "ddpm/unet/graph.h"

namespace ddpm {

// Sinusoids of a timestep, [channels]: the frequencies and the angle are float32 numbers, as they
// are in every program that these networks come from. [DDPM] appendix B; unet/config.h
// says what frequency_shift and cosine_first are.
std::vector<float> sinusoids(int64_t timestep, int64_t channels, int64_t frequency_shift,
                             bool cosine_first);

class TimeEmbedding {
 public:
  // Keeps rows for timesteps in [0, kept).
  TimeEmbedding(const Graph& graph, const MemoryPlan& plan, int64_t at_once, int64_t kept,
                const TensorSource& tensors);

  struct Rows {
    const float* first;
    int64_t stride;  // floats to the next image's; 0: all images have the same
  };

  // The rows of n images. `labels` has one an image for a network with classes; else nullptr. The
  // result stays until the next call.
  Rows rows(const Kernels& kernels, Workers& workers, const int64_t* timesteps,
            const int64_t* labels, int64_t n);

 private:
  // One product of a row with a matrix, `x` and `y` in full blocks of 16.
  void multiply(const Kernels& kernels, Workers& workers, const PackedMatrix& matrix,
                const float* x, const std::vector<float>& bias, float* y);
  void compute(const Kernels& kernels, Workers& workers, int64_t timestep, int64_t label,
               float* row);
  void find(const Kernels& kernels, Workers& workers, int64_t timestep, int64_t label, float* row);
  void pack_projections(const Graph& graph, const MemoryPlan& plan, const TensorSource& tensors);

  TimeEmbeddingOperator op_;
  int64_t row_size_;
  PackedMatrix first_, second_, projections_;
  std::vector<float> first_bias_, second_bias_, projections_bias_;
  std::vector<float> time_table_;   // [learned_times][base channels]; empty: sinusoids
  std::vector<float> class_table_;  // [classes][E]; empty: none
  Memory now_;                      // [at_once][row_size]
  Memory kept_;                     // [kept][row_size]
  std::vector<int64_t> known_;      // of each kept row 1 + its label, 1 without; 0: not computed
  std::vector<float> sinusoid_frequencies_;
  std::vector<float> input_, hidden_, embedding_;  // in full blocks
  std::vector<const void*> blocks_;                // of the row that is multiplied
};

}  // namespace ddpm
