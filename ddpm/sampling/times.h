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

#include "ddpm/diffusion/schedule.h"

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
  // The first N of N + 1 points from T to 1; diffusers' DPM-Solver calls this linspace.
  kDpmLinspace,
  // 1 + (T div (N + 1)) j, j = N .. 1; its leading.
  kDpmLeading,
  // 1 + 0.8 T (j / (N - 1))^2, j = N - 1 .. 0, as the paper of DDIM has it for CIFAR-10: dense
  // where
  // little noise is left, and at least one apart. It begins at 0.8 T.
  kQuadratic,
};

// "trailing", "leading", "linspace", "dpm_linspace", "dpm_leading", "quadratic"
std::string to_string(Spacing spacing);
// Throws InvalidArgument, with the nearest name, for any other word.
Spacing spacing_from(std::string_view name);
const std::vector<Spacing>& all_spacings();

// `steps` times, strictly falling within 1 .. T, and a final 0.
//   offset  is added to the times of kLeading and kDpmLeading, as some checkpoints want it, and
//   means
//           nothing for the others; where it would lead beyond T the list is moved back below it
// Throws InvalidArgument unless T is in [1, Schedule::kMaxSteps], steps in [1, T] and offset in
// [0, T].
std::vector<int64_t> times_for(Spacing spacing, int64_t T, int64_t steps, int64_t offset = 0);

// The latest time whose lambda is at least lambda_min: a list up to it leaves out the levels that
// are nearly noise, as DPM-Solver wants it of the cosine schedule. Throws InvalidArgument if there
// is none.
int64_t latest_time_above(const Schedule& schedule, double lambda_min);

// The times of [iDDPM]'s respacing. "10,15,20" cuts 1 .. T into as many equal sections, the first
// ones a step longer where T has a rest, and takes so many times of each, from its first to its
// last; of one with a single time the first. "ddim25" takes the times 1, 1 + i, 1 + 2 i, .. with
// the least whole i that gives so many. Throws InvalidArgument for other texts, and where a section
// has fewer times than are asked for or no i gives so many.
std::vector<int64_t> respaced_times(std::string_view sections, int64_t T);

// N times whose u = sigma / signal are as [EDM] eq. 5 spaces them, from that of T to that of time
// 1: equal steps of u^(1/rho). Each is rounded to a time by its ln u, and at least one apart.
// Throws InvalidArgument unless N is in [1, T], rho above 0, and u rises from time 1 on and stays
// finite.
std::vector<int64_t> karras_times(const Schedule& schedule, int64_t steps, double rho = 7.0);

// N times from T to time 1 with equal steps of lambda. Throws as karras_times does.
std::vector<int64_t> lambda_times(const Schedule& schedule, int64_t steps);

// N times spaced as [EDM] eq. 5 spaces sigma / signal, with rho = 7, but of the angle
// atan(sigma / signal): as dense as karras_times where little noise is, and not where nearly all is
// noise, for the angle ends at pi / 2. From T to the first time with noise, for any schedule.
// Throws InvalidArgument unless N is in [1, T].
std::vector<int64_t> angle_times(const Schedule& schedule, int64_t steps);

// Throws InvalidArgument unless `times` is such a list: at least two entries, strictly falling, the
// first at most T and the last 0.
void check_times(std::span<const int64_t> times, int64_t T);

}  // namespace ddpm
