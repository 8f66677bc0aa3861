// Filling in what is missing of an image, by a network that was trained on whole images: RePaint,
// Lugmayr et al. 2022 [RePaint].
//
// Each step down draws the unknown pixels by the sampler and the known ones from q(x_s | x_0). The
// two are strangers to each other then, so the walk goes back up by the forward process and down
// again, several times, and each time the network brings them together.

#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include "ddpm/sampling/sampler.h"

namespace ddpm {

struct RepaintOptions {
  int64_t jump_length = 10;     // entries of the list of times that a jump goes back up, at least 1
  int64_t resamplings = 10;     // how often each part of the way is gone down, at least 1
  SamplerOptions sampler = {};  // any that makes one call a step and remembers none
};

// What is known of the images.
struct KnownPixels {
  ConstBatchView x0;               // float32 [N, C, H, W]; of the others nothing is looked at
  std::span<const uint8_t> where;  // [H * W], not 0 where a pixel is known, in all channels and
                                   // images alike
};

// One move of the walk. A move down leaves entry `from` of the list for the next one, a move up
// leaves it for an earlier one, to >= 0.
struct RepaintMove {
  int64_t from;  // entries of the list of times, 0 the first and largest one
  int64_t to;
  int64_t visit;  // of a move down: how often the same one was made before; of one up: the visit of
                  // the move down that follows
  bool operator==(const RepaintMove&) const = default;
};

// The way through a list of N times and the final 0: down by one entry after the other, and where
// 1, 1 + j, 1 + 2 j, .. steps are left, at most N - j, j entries up again, resamplings - 1 times
// each. For j = 1 it is [RePaint] algorithm 1, for other j it jumps as the paper's published code
// does. The clean image is never left. Throws InvalidArgument for options out of their range or N
// below 1.
std::vector<RepaintMove> repaint_moves(int64_t N, const RepaintOptions& options);

// Throws InvalidArgument unless the sampler makes one call a step and remembers none; and as
// sampler_plan does.
void check_repaint_sampler(const SamplerOptions& sampler, const Schedule& schedule,
                           std::span<const int64_t> times);

// Takes x from times[0] to 0, in place, through all moves. [RePaint] algorithm 1.
//   indices  [N], the images' own numbers, each at least 0: their noise depends on nothing else
//   x        float32 [N, C, H, W]; noise at first, at the end x_0, whose known pixels are those of
//            known.x0 to the bit
// With nothing known and resamplings = 1 it is run_sampler to the bit. The observer sees every move
// down. Throws InvalidArgument, before the first step, for another sampler and for shapes or
// options out of their range, and NotFinite as run_sampler does.
void run_repaint(const NoisePredictor& predictor, std::span<const int64_t> times,
                 const RepaintOptions& options, const KnownPixels& known, uint64_t seed,
                 std::span<const int64_t> indices, BatchView x, const StepObserver& observer = {});

}  // namespace ddpm
