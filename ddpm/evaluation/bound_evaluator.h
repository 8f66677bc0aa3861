// The terms of the variational bound of a network on images, [DDPM] eq. 5.
//
// For every image, every draw and every stratum of a plan one x_t is drawn from the closed form
// q(x_t | x_0) with noise of its own, and the network is called once. Its noise is that of (seed,
// image, draw, t) and of nothing else, and each term stands alone: neither the batch nor the order
// changes what is evaluated, but for the network's own rounding.

#pragma once

#include <cstdint>
#include <functional>
#include <span>
#include <vector>

#include "ddpm/base/batch.h"
#include "ddpm/diffusion/bound.h"
#include "ddpm/diffusion/noise_predictor.h"
#include "ddpm/diffusion/reverse_variance.h"
#include "ddpm/evaluation/bound_plan.h"

namespace ddpm {

// Writes image `index` as float32 [C, H, W] in [-1, 1].
using ReadImage = std::function<void(int64_t index, std::span<float> out)>;

// What L_0 is.
enum class LastTerm {
  kBytes,    // of images of bytes: -ln of the probability that the discretised decoder gives them
  kDensity,  // of any numbers: -ln of the density N(x_0; predicted x_0, sigma^2)
};

struct BoundOptions {
  BoundPlan plan;
  int64_t draws = 1;  // for each image and stratum, at least 1
  Variance variance = Variance::kFixedLarge;
  bool clip_x0 = true;  // the predicted x_0, to [-1, 1], as the published likelihoods do
  Cdf cdf = Cdf::kExact;
  LastTerm last_term = LastTerm::kBytes;
  uint64_t seed = 0;
};

// One evaluated term, and how far off the predicted x_0 was.
struct BoundTerm {
  double nats;           // L_{t-1} or L_0, per dimension
  double squared_error;  // the mean over the image's values of (predicted x_0 - x_0)^2
};

// Terms are numbered: image after image, of each draw after draw, of each the strata in their
// order.
struct TermIndex {
  int64_t image;
  int64_t draw;
  int64_t stratum;
};

class BoundEvaluator {
 public:
  // Throws InvalidArgument if the options do not fit the predictor: a learned variance to a network
  // that learned none, a time beyond T, no draw; as check_bound does for the chain.
  BoundEvaluator(NoisePredictor predictor, BoundOptions options);

  const BoundOptions& options() const { return options_; }
  const Schedule& chain() const { return chain_; }  // the chain as a schedule

  int64_t terms_per_image() const { return options_.draws * strata(); }
  int64_t strata() const { return static_cast<int64_t>(options_.plan.strata.size()); }
  TermIndex index_of(int64_t number) const;
  // The step of the chain that this term is, an index of plan.times.
  int64_t step_of(const TermIndex& index) const;

  // L_T of an image, in nats per dimension. Nothing random enters.
  double prior(std::span<const float> x0) const;

  // The terms number `first` .. first + terms.size() - 1, by one call of the network.
  //   image  the extents of one image (images = 1)
  // Throws InvalidArgument if an image is none of bytes where L_0 wants them, and NotFinite, naming
  // the image and t, if the network's output or the term is not finite.
  void evaluate(const ReadImage& read, BatchShape image, int64_t first,
                std::span<BoundTerm> terms) const;

 private:
  struct Noised {
    Batch x0;
    Batch x_t;
    std::vector<int64_t> times;
  };

  // The second half of the network's output as ln sigma^2; one value if the variance is fixed.
  std::vector<double> log_variances(int64_t step, std::span<const float> output) const;
  BoundTerm term_of(int64_t step, std::span<const float> x0, std::span<const float> predicted,
                    std::span<const float> output) const;
  Noised draw(const ReadImage& read, BatchShape shape, int64_t first) const;

  NoisePredictor predictor_;
  BoundOptions options_;
  Schedule chain_;
};

}  // namespace ddpm
