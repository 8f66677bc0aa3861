// A bound as files and lines: CSV, JSON, plots, and the table of rate and distortion.

#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "ddpm/base/json.h"
#include "ddpm/evaluation/bound_summary.h"
#include "ddpm/plot/line_plot.h"

namespace ddpm {

// "3.7512 +- 0.0031 (noise 0.0004)", with the errors that are known.
std::string estimate_text(const Estimate& estimate);

// {"bits": .., "images_error": .., "noise_error": ..}, null where an error is not known.
Json estimate_json(const Estimate& estimate);

// One line for each of L_T, the sum of L_{t-1}, L_0 and the bound.
std::string bound_text(const BoundSummary& summary);

// A row for each stratum, by falling t, with the header
//   t,s,steps,term_bits,term_error,term_noise_error,mse,mse_error,mse_noise_error,rate_bits,
//   rate_error,rate_noise_error,distortion,distortion_error
// Errors that are not known are empty.
std::string bound_csv(const BoundSummary& summary);

// {"prior": .., "steps": .., "last": .., "total": .., "images": .., "draws": .., "evaluated": ..,
// "parts": ..}, the first four as estimate_json has them.
Json bound_json(const BoundSummary& summary);

// The terms over t on a logarithmic axis, and the errors of the predicted x_0.
std::vector<Panel> bound_panels(const BoundSummary& summary);

// Rate over t, distortion over t and distortion over rate, as [DDPM] figure 5.
std::vector<Panel> rate_distortion_panels(const BoundSummary& summary);

// The rows of the table of rate and distortion in [DDPM]'s appendix: the last time of the chain,
// and those a tenth of its steps apart; fewer where it has fewer. By rising t.
std::vector<BoundRow> tenths(const BoundSummary& summary);

// Them as a table for people: the times that are sent, t, rate and distortion with their errors.
std::string rate_distortion_text(const BoundSummary& summary);

}  // namespace ddpm
