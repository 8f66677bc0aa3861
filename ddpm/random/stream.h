// Every random number of this library, each a function of what it is for.
//
// There is no generator and no state: the numbers of a Stream are Philox4x64-10 (Salmon et al.
// 2011, from the Random123 library) under the key (seed, purpose) at the counters (block, step,
// index). So no number depends on a batch size, a thread, a worker or where a run was resumed, and
// there is nothing to save in a checkpoint but the seed.

#pragma once

#include <cstdint>
#include <span>
#include <vector>

namespace ddpm {

// What a number is drawn for. The values are part of the results' definition: never renumber.
enum class Purpose : uint64_t {
  kInitialWeights = 1,  // index: parameter, in the order of unet_parameters
  kShuffle = 2,         // index: epoch
  kFlip = 3,            // index: training sample
  kTimestep = 4,        // index: training sample
  kTrainingNoise = 5,   // index: training sample
  kDropout = 6,         // index: training sample; step: layer
  kInitialNoise = 7,    // x_T. index: image
  kStepNoise = 8,       // index: image; step: time t that is left
  kForwardNoise =
      9,             // the picture of the forward process. index: image; step: t, 0 for closed form
  kKnownNoise = 20,  // of the known pixels of an image that is filled in. index: image; step: time
                     // t that is left, and above its 32 bits how often it was before
  kJumpNoise = 21,   // of its jumps back. index: image; step: time t that is reached, likewise
  kBoundNoise = 30,  // of the bound. index: image; step: draw * 2^32 + t
  kBoundTime = 31,   // which step of a stratum. index: image; step: draw * 2^32 + stratum
  kDequantisation = 32,  // index: image; step: draw
  kTraceProbe = 33,      // index: image; step: draw * 2^32 + probe
  kCodingNoise = 34,     // what progressive coding sends. index: image; step: t
  kTest = 1000,
};

struct Stream {
  uint64_t seed;
  Purpose purpose;
  uint64_t index;  // of an image, a sample, an epoch
  uint64_t step = 0;
};

// Fills `out` with independent standard normal numbers: the first n of a stream are the same
// whatever out.size() is. Box-Muller in float64 from 53-bit uniforms with this library's own
// logarithm, sine and cosine (basic operations only, so the same bits on every IEEE machine),
// rounded to float32.
void fill_normal(const Stream& stream, std::span<float> out);

// Uniform 64-bit words, four a Philox block; again a prefix of one infinite sequence.
void fill_words(const Stream& stream, std::span<uint64_t> out);

double uniform(const Stream& stream);                  // in [0, 1), 53 bits: the first word
uint64_t below(const Stream& stream, uint64_t bound);  // in [0, bound), bound >= 1, without bias

// A random order of 0 .. n - 1: Fisher-Yates over the stream.
std::vector<int64_t> permutation(const Stream& stream, int64_t n);

// floor(2^64 * fraction) of the low-discrepancy sequence (offset + k / golden ratio) mod 1 whose
// offset the seed gives: any n neighbours k, k+1, .. are spread over [0, 1) nearly evenly
// (three-gap theorem), however they are cut into batches.
uint64_t stratified_word(uint64_t seed, Purpose purpose, uint64_t k);

}  // namespace ddpm
