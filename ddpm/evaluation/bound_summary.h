// What the terms of many images say together: the bound, its parts and its course over t, each a
// mean with standard errors. All in bits per dimension; sums in float64, in the order of the
// images.
//
// Two errors are told apart. The images are a sample of all images, and the noise is a sample of
// all noise:
//   images  the standard deviation over images of what an image has (its mean over draws), divided
//           by sqrt(images): how far the mean may be off that over all images. The noise of the
//           draws, and of the times where they are sampled, is in it.
//   noise   sqrt(sum over images of (variance over its draws) / draws) / images: how far the mean
//           may be off that of these same images over all noise. Wants two draws or more.

#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <vector>

#include "ddpm/evaluation/bound_evaluator.h"

namespace ddpm {

struct Estimate {
  double mean = 0.0;
  std::optional<double> images_error;  // none of a single image
  std::optional<double> noise_error;   // none of a single draw
};

// values [images, draws]. Throws InvalidArgument unless there is an image and a draw.
Estimate estimate_of(std::span<const double> values, int64_t draws);

// One stratum: a single step from t to s, or several.
struct BoundRow {
  int64_t t;         // the largest time of it
  int64_t s;         // where its last step ends
  int64_t steps;     // of the chain
  Estimate term;     // of one step, in the mean over those of the stratum
  Estimate squared;  // the mean of (predicted x_0 - x_0)^2, by x_t
  // L_T and the terms of all steps that lead to x_t: what a receiver that holds x_t has been sent.
  Estimate rate;

  double distortion() const;                       // 127.5 sqrt(squared), an error of bytes
  std::optional<double> distortion_error() const;  // of images, to first order
};

struct BoundSummary {
  int64_t images = 0;
  int64_t draws = 0;
  int64_t evaluated = 0;       // terms, which is calls of the network for one image each
  int64_t parts = 0;           // of the bound: L_T and one a step
  Estimate prior;              // L_T
  Estimate steps;              // the sum of L_{t-1}
  Estimate last;               // L_0
  Estimate total;              // the bound
  std::vector<BoundRow> rows;  // by falling t
};

// The terms as BoundEvaluator numbers them, of whole images, and each image's L_T in nats. Throws
// InvalidArgument if they do not fit together.
BoundSummary summarise(const BoundPlan& plan, int64_t draws, std::span<const BoundTerm> terms,
                       std::span<const double> priors);

}  // namespace ddpm
