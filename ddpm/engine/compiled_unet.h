// A U-Net made ready for inference on the CPU: one checkpoint, one largest batch, no LibTorch.
//
// Everything that does not depend on the pixels is done once, at load: weights are packed for the
// kernels, and every activation gets its place in one arena. docs/engine.md has the plan.

#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "ddpm/engine/packed_matrix.h"
#include "ddpm/kernels/cpu_path.h"
#include "ddpm/unet/config.h"

namespace ddpm {

struct EngineOptions {
  // Images worked on at once; more are given in slices, to the same bits. 0: as many as pay.
  int64_t at_once = 0;
  int64_t threads = 0;  // 0: one for each core
  Precision precision = Precision::kFloat32;
  int64_t kept_times = 1000;  // timesteps below this are embedded once: T of the process
  // Transformed kernels of all 3x3 convolutions are kept if they take at most so many bytes;
  // otherwise they are made at each call, which takes less memory and longer for few pixels.
  int64_t most_transformed = int64_t{384} << 20;
  std::optional<CpuPath> path = {};  // one that this CPU has; none: fastest_cpu_path
};

// What one operation took: see CompiledUNet::profile.
struct OperationTime {
  std::string name;
  std::string kind;
  double seconds;            // the shortest of the calls; of one worker, if each has images
  double multiply_adds;      // of the definition, for all images; 0 where nothing is multiplied
  double computed;           // those that the algorithm needs instead, its transforms left out
  int64_t weight_bytes;      // as they are packed
  int64_t activation_bytes;  // that are read and written at least, for all images
};

// Not thread-safe: calls share the arena. Two objects may work at the same time.
class CompiledUNet {
 public:
  // Asks `tensors` for every tensor of the network once or twice, from several threads. Throws
  // InvalidArgument for an option out of range or a config that check_unet_config refuses; what
  // `tensors` throws.
  CompiledUNet(const UNetConfig& config, const TensorSource& tensors,
               const EngineOptions& options = {});
  ~CompiledUNet();
  CompiledUNet(CompiledUNet&&) noexcept;
  CompiledUNet& operator=(CompiledUNet&&) noexcept;

  const UNetConfig& config() const;
  const EngineOptions& options() const;  // at_once and path as they were chosen
  int64_t threads() const;
  int64_t weight_bytes() const;  // packed
  int64_t arena_bytes() const;   // activations and scratch

  // The network's output for n images. Allocates nothing. An image's result has the same bits
  // whatever n is, whatever images are beside it and however many threads work.
  //   x          float32 [n, C, H, W], contiguous
  //   timesteps  [n]; below learned_times where the network has a table
  //   labels     [n], each in [0, classes); nullptr for a network without classes
  //   n          at least 1
  //   output     float32 [n, C, H, W], or [n, 2 C, H, W] with a learned variance; no overlap with x
  // Throws InvalidArgument for n, a timestep or a label out of range; output is then unchanged.
  // Error in float32 at most 1e-5 of the largest value, against the LibTorch network in float64;
  // docs/engine.md has what was measured, for bfloat16 too.
  void predict(const float* x, const int64_t* timesteps, const int64_t* labels, int64_t n,
               float* output);

  // Runs `calls` predictions of n images of zeros and tells the time of each operation.
  std::vector<OperationTime> profile(int64_t n, int64_t calls);

 private:
  struct Implementation;
  std::unique_ptr<Implementation> it_;
};

}  // namespace ddpm
