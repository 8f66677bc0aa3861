// What a network is to everything else: arrays in, arrays out.

#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <span>

#include "ddpm/base/batch.h"

namespace ddpm {

// A network's own clock, in [0, T - 1], as in every published checkpoint. A type of its own, so
// that it cannot be mistaken for the time t of the process, in [1, T].
struct Timestep {
  int64_t index;
};

// The inputs of one call for N images.
struct NetworkInput {
  ConstBatchView x;                      // float32 [N, C, H, W]
  std::span<const Timestep> timesteps;   // [N]
  std::span<const int64_t> labels = {};  // [N], of a network with classes; otherwise empty
};

// A network that predicts. One thread at a time may call it, unless the implementation promises
// more.
class Network {
 public:
  virtual ~Network() = default;

  // Writes output, float32 [N, C, H, W] or, with a learned variance, [N, 2 C, H, W], which may not
  // overlap x. Throws InvalidArgument for shapes, timesteps or labels that the network does not
  // have.
  virtual void predict(const NetworkInput& input, BatchView output) = 0;

  // The number of images per call from which on more save no time per image; at least 1.
  virtual int64_t max_useful_batch() const { return 16; }

  // Whether predict_vjp can be called.
  virtual bool has_vjp() const { return false; }

  // The output as predict writes it, and the vector-Jacobian product: `product` gets the sum over o
  // of cotangent_o d output_o / d x.
  //   cotangent  float32, of the output's shape
  //   product    float32, of x's shape; may overlap none of the others
  // Throws InvalidArgument as predict does, and unless has_vjp().
  virtual void predict_vjp(const NetworkInput& input, ConstBatchView cotangent, BatchView output,
                           BatchView product);
};

using NetworkPointer = std::shared_ptr<Network>;

// The same network, called for at most `most` images at a time. Throws InvalidArgument unless most
// is at least 1.
NetworkPointer in_slices(NetworkPointer network, int64_t most);

// A network whose images all have one label. Its own calls have none.
NetworkPointer with_label(NetworkPointer network, int64_t label);

// Networks from formulas. The functions get inputs that predict and predict_vjp document, and may
// be called by as many threads as they allow.
using PredictFunction =
    std::function<void(ConstBatchView x, std::span<const Timestep> timesteps, BatchView output)>;
using VjpFunction =
    std::function<void(ConstBatchView x, std::span<const Timestep> timesteps,
                       ConstBatchView cotangent, BatchView output, BatchView product)>;
NetworkPointer network_of(PredictFunction predict);
NetworkPointer network_of(VjpFunction vjp);

}  // namespace ddpm
