// The times that a sampler visits.
//
// A list T' = t_N > .. > t_1 > 0: N times to leave and at its end the clean image, 0. The next time
// is always the next entry; it is never computed from a stride.

#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace ddpm {

// How N times are taken from 1 .. T. Rounding is to the nearest, halves to even, of exact
// fractions.
enum class Spacing {
  // T, T - T/N, T - 2 T/N, .. rounded. The one to use: it begins at T, where x is pure noise, and
  // its
  // steps are equally long, the last one too.
  kTrailing,
  // 1 + (T div N) j, j = N - 1 .. 0; what many published samplers do. It begins below T.
  kLeading,
  // N points from T to 1, both included; a single step is that of time 1.
  kLinspace,
};

std::string to_string(Spacing spacing);  // "trailing", "leading", "linspace"
// Throws InvalidArgument, with the nearest name, for any other word.
Spacing spacing_from(std::string_view name);
const std::vector<Spacing>& all_spacings();

// `steps` times, strictly falling within 1 .. T, and a final 0.
// Throws InvalidArgument unless T is in [1, Schedule::kMaxSteps] and steps in [1, T].
std::vector<int64_t> times_for(Spacing spacing, int64_t T, int64_t steps);

// Throws InvalidArgument unless `times` is such a list: at least two entries, strictly falling, the
// first at most T and the last 0.
void check_times(std::span<const int64_t> times, int64_t T);

}  // namespace ddpm
