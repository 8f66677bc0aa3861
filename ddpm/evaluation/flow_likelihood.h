// The density of images along the probability flow: the ordinary differential equation whose
// solutions are distributed as the process is at every time.
//
// On the axis of the angle phi = atan(sigma / signal), which is 0 at the image and at most pi / 2,
// the flow is dx / dphi = v(x, t), v = signal eps - sigma x_0 as predicted. It is that of
// sampling/sigma_steps.h, dy / du = eps with y = x / signal and u = sigma / signal, in a variable
// in which neither end is singular. The density changes by the divergence of v,
//   ln p(x_0) = ln N(x_T; 0, 1) + integral over phi of tr(dv / dx),
// whose trace is estimated by Hutchinson's product p^T (dv / dx) p with random p. At t = 0, and
// wherever x_t is still the clean image, nothing is known to be added, E(eps | x_0) = 0, so v is 0.
//
// The x_0 that the network predicts is not clipped: the flow is the network's own. It says the same
// of an image as the chain only where the network is perfect, and it is another model.

#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "ddpm/base/batch.h"
#include "ddpm/diffusion/network.h"
#include "ddpm/diffusion/prediction.h"
#include "ddpm/diffusion/schedule.h"
#include "ddpm/evaluation/bound_evaluator.h"

namespace ddpm {

// What the trace is estimated with: independent numbers of mean 0 and variance 1. The estimate's
// variance is the sum over i < j of (A_ij + A_ji)^2; normal numbers add that of 2 A_ii^2.
enum class Probe { kRademacher, kGaussian };

std::string to_string(Probe probe);  // "rademacher", "gaussian"
// Throws InvalidArgument, with the nearest name, for any other word.
Probe probe_from(std::string_view name);

struct FlowOptions {
  std::vector<int64_t> times;  // from T to 0, as samplers have them; walked upwards
  int64_t draws = 1;           // of what is added to the bytes
  int64_t probes = 1;          // for each draw
  Probe probe = Probe::kRademacher;
  // Uniform numbers of a byte's width, [-1/255, 1/255], are added, which makes a density's mean a
  // bound of the bytes' probability. Without it x_0 may be any numbers.
  bool dequantise = true;
  uint64_t seed = 0;
};

// -ln p(x_0) of one draw and probe, in nats per dimension.
struct FlowDensity {
  double nats;
  double halved;  // by every other time of the list, the same draw and probe
};

// Bits per dimension of bytes from nats of a density over x_0: a byte is 1 / 127.5 wide.
double bits_of_density(double nats);

// Densities are numbered: image after image, of each draw after draw, of each the probes.
class FlowLikelihood {
 public:
  // Throws InvalidArgument unless the times begin at T and there is a draw and a probe.
  //   learned_variance  the output has a second half, which the flow does not need
  FlowLikelihood(NetworkPointer network, Schedule schedule, Prediction prediction,
                 bool learned_variance, FlowOptions options);

  const FlowOptions& options() const { return options_; }
  int64_t per_image() const { return options_.draws * options_.probes; }
  // Calls of the network for each density.
  int64_t calls() const;

  // The densities number `first` .. first + densities.size() - 1, together; by Heun's method, of
  // second order in phi. What is drawn depends on (seed, image, draw, probe) alone.
  //   image  the extents of one image (images = 1)
  // Throws InvalidArgument for images that are none of bytes if they are dequantised, NotFinite
  // that names the image and t.
  void evaluate(const ReadImage& read, BatchShape image, int64_t first,
                std::span<FlowDensity> densities) const;

 private:
  struct Flow;  // the state of a walk
  struct Answer {
    Batch output;
    Batch product;
  };

  Flow begin(const ReadImage& read, BatchShape shape, int64_t first) const;
  Answer ask(const Flow& flow, const std::vector<double>& x, int64_t t) const;
  void slopes(const Flow& flow, const std::vector<double>& x, int64_t t, std::vector<double>& v,
              std::vector<double>& divergence) const;
  void walk(Flow& flow, std::span<const int64_t> times) const;

  NetworkPointer network_;
  Schedule schedule_;
  Prediction prediction_;
  bool learned_variance_;
  FlowOptions options_;
};

}  // namespace ddpm
