// The variational bound, term by term, with one of two reports.

#pragma once

#include <cstdint>
#include <optional>
#include <string>

#include "ddpm/diffusion/bound.h"
#include "ddpm/evaluation/bound_plan.h"
#include "ddpm/evaluation/bound_summary.h"
#include "ddpm/jobs/evaluation.h"

namespace ddpm {

enum class BoundReport {
  kBpd,             // bits per dimension: bound.csv, bpd.json, bpd.png
  kRateDistortion,  // of progressive coding: bound.csv, rate_distortion.json and .png,
                    // progressive.png
};

std::string to_string(BoundReport report);  // "bpd", "rate-distortion"

struct BoundRequest {
  EvaluationRequest common = {};
  BoundReport report = BoundReport::kBpd;
  int64_t draws = 1;                      // of x_t for each image and t, at least 1
  std::string times = "all";              // as bound_plan_from reads it
  std::optional<Variance> variance = {};  // of the reverse steps; none: as the checkpoint has it
  Cdf cdf = Cdf::kExact;                  // of the decoder
  bool clip_x0 = true;                    // the predicted x_0, to [-1, 1]
  int64_t pictures = 4;   // of kRateDistortion: images of progressive.png, at least 1
  bool show_x_t = false;  // in that picture, x_t above what is shown of it
};

struct BoundResult {
  BoundSummary summary;
  BoundPlan plan;
  int64_t T = 0;  // of the checkpoint's process
};

// Evaluates what is missing in the folder `common.out`, saved as bound.safetensors while it works,
// then writes the reports; the folder is locked meanwhile. After a stop or an error the same
// request goes on. Throws InvalidArgument "evaluate bpd: .." or "evaluate rate-distortion: ..",
// also for files of another job, before anything is written; what open_model, open_images and
// open_rows throw; NotFinite; Stopped.
BoundResult evaluate_bound(const BoundRequest& request, const TorchHooks& hooks,
                           const Watch& watch);

}  // namespace ddpm
