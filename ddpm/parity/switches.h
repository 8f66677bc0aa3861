// What other programs do otherwise, each by a name of its own, and all of a program by its name.
//
// Nothing of this makes better images. It is here so that another program's images can be made
// again, number for number; docs/parity.md says of each what it is, which way is right and how much
// it changes.

#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace ddpm {

// The names of what a person can switch; the first word of each is what this library does.
struct ParitySwitches {
  std::string next_time = "list";  // or "stride": DDIM and PNDM go to n - T div N
  std::string tables = "f64";      // or "f32": tables and coefficients of float32
  std::string lists = "exact";     // or "diffusers": times as numpy's floats round them
  std::string eps = "clipped";     // or "raw": DDIM keeps the eps of the x_0 before clipping
  std::string pndm = "eps";        // or "output": its means are of the bare outputs
  std::string karras = "times";    // or "sigmas": the levels are not those of the rounded times
  std::string learned = "log";     // or "plain": a learned variance is no logarithm
  std::string end_noise = "none";  // or "yes": noise in the last step of ddpm, unless from t = 1
  std::string mean = "clipped";    // or "network": of one that predicts it, ddpm takes it as it is
  std::string rounding = "nearest";  // or "truncate": of an image to 8 bits
  bool operator==(const ParitySwitches&) const = default;
};

// One row a switch: its flag without "--", its words, the first of them ours, what it means, and
// where it is.
struct ParitySwitch {
  std::string_view name;
  std::string_view ours;
  std::string_view theirs;
  std::string_view help;
  std::string ParitySwitches::*value;
};
std::span<const ParitySwitch> parity_switches();

// "none", "diffusers", "official-tf", "improved-diffusion".
std::vector<std::string> parity_names();
// Throws InvalidArgument, with the nearest name, for any other word.
ParitySwitches parity_of(std::string_view program);

// sigma / signal at a time, where it is not the schedule's.
struct TimeSigma {
  int64_t t;
  double sigma;
};

// The switches that change a plan, with the numbers that they need.
struct Parity {
  int64_t stride = 0;             // T div N for next_time = stride; 0: the list's next entry
  std::vector<float> betas = {};  // of tables = f32, by t - 1; none: the schedule's, in float64
  bool zero_snr_floor = false;    // DPM-Solver takes alpha_bar_T = 2^-24, with betas alone
  // pndm = output. Of a network that predicts v the means are of v; and no step from nearly pure
  // noise is of first order on that account.
  bool pndm_of_v = false;
  bool pndm_unguarded = false;
  bool plain_variance = false;         // learned = plain
  bool end_noise = false;              // end_noise = yes
  std::vector<TimeSigma> sigmas = {};  // karras = sigmas; none: the schedule's

  bool changes_plans() const {
    return stride > 0 || !betas.empty() || pndm_of_v || pndm_unguarded || plain_variance ||
           end_noise || !sigmas.empty();
  }
};

}  // namespace ddpm
