// Which steps of which chain a bound is made of, and which of them are evaluated.
//
// The chain is a list of times as samplers have it. All T times give the bound of [DDPM] eq. 5; a
// shorter list is a chain of its own, whose steps are longer, and its bound is as legitimate: that
// of the model p(x_0) which these steps alone define. It is no estimate of the longer chain's.
//
// What a bound costs is calls of the network, one a term. So the steps may be put together to
// strata, of which each draw evaluates one step, chosen uniformly, times the steps in it: the mean
// over draws is still the bound, and the standard error tells what was saved.

#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "ddpm/diffusion/schedule.h"

namespace ddpm {

// Consecutive steps of a chain, the first and how many; step k goes from times[k] to times[k + 1].
struct Stratum {
  int64_t first;
  int64_t count;
};

struct BoundPlan {
  std::vector<int64_t> times;   // falling, the last 0
  std::vector<Stratum> strata;  // each step in one of them, by falling times; the last is one step

  int64_t steps() const { return static_cast<int64_t>(times.size()) - 1; }
  bool is_sampled() const { return static_cast<int64_t>(strata.size()) < steps(); }
};

// Every step a stratum. Throws InvalidArgument unless the times fall strictly and end with 0.
BoundPlan whole_plan(std::vector<int64_t> times);

// `count` strata. The last step, to time 0, is one of its own, as its term is another thing. The
// others are narrow where little noise is left, for there the terms are large and differ: from
// there upwards the j-th of the n that remain ends at the step 1 + (N - 1) (j / n)^2, and at least
// one later than that before it. Throws InvalidArgument unless count is in [2, N], N the number of
// steps; it may be 1 if N is.
BoundPlan sampled_plan(std::vector<int64_t> times, int64_t count);

// "all", "respaced:N" (a chain of N equal steps) or "sampled:N" (N strata of all times). Throws
// InvalidArgument that says these for another text, and for an N that is not in [1, T].
BoundPlan bound_plan_from(std::string_view text, int64_t T);

// The chain as a schedule: its step j is the j-th from 0 upwards.
Schedule chain_schedule(const Schedule& schedule, const std::vector<int64_t>& times);

}  // namespace ddpm
