// The likelihood by the probability flow.

#pragma once

#include <array>
#include <cstdint>
#include <string>

#include "ddpm/evaluation/bound_summary.h"
#include "ddpm/evaluation/flow_likelihood.h"
#include "ddpm/jobs/evaluation.h"

namespace ddpm {

// What the times of the flow are evenly spaced by.
enum class FlowSpacing {
  kAngle,   // atan(sigma / signal)
  kKarras,  // sigma / signal, by Karras' rule
  kLambda,
  kTrailing,  // t
};

inline constexpr std::array<Named<FlowSpacing>, 4> kFlowSpacings = {{
    {FlowSpacing::kAngle, "angle"},
    {FlowSpacing::kKarras, "karras"},
    {FlowSpacing::kLambda, "lambda"},
    {FlowSpacing::kTrailing, "trailing"},
}};

std::string to_string(FlowSpacing spacing);

struct FlowRequest {
  EvaluationRequest common = {};  // of the backend kAuto or kLibTorch, which has gradients
  int64_t draws = 1;              // of what is added to the bytes, per image, at least 1
  int64_t probes = 1;             // of the trace, per draw, at least 1
  Probe probe = Probe::kRademacher;
  int64_t steps = 0;  // of Heun's method; 0: 250, or T if that is less
  FlowSpacing spacing = FlowSpacing::kAngle;
};

// In bits per dimension.
struct FlowResult {
  Estimate bits;
  Estimate halved;       // by every other time
  Estimate difference;   // bits - halved, of the same draws: the size of what the steps cost
  std::string protocol;  // the job, a JSON object as in ode.json
};

// Evaluates what is missing in the folder `common.out`, saved as flow.safetensors while it works,
// then writes ode.csv and ode.json; the folder is locked meanwhile. After a stop or an error the
// same request goes on. Throws InvalidArgument "evaluate ode: ..", also for files of another job,
// before anything is written; NeedsTorch; what open_model, open_images and open_rows throw;
// NotFinite; Stopped.
FlowResult evaluate_flow(const FlowRequest& request, const TorchHooks& hooks, const Watch& watch);

}  // namespace ddpm
