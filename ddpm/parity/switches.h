// The deviations of other programs, each by a name of its own, and all of a program by its name.
//
// None of them makes better images. They reproduce the images of other programs number for number;
// docs/parity.md describes each, which way is right and how much it changes.

#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <initializer_list>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace ddpm {

// A deviation of other programs that can be switched on by itself. docs/parity.md has a section for
// each.
enum class ParitySwitch {
  kNextTime,  // DDIM and PNDM go to n - T div N, not to the next entry of the list
  kTables,    // tables and coefficients are of float32
  kLists,     // timesteps as numpy's floats round them
  kEps,       // DDIM keeps the eps of the x_0 before clipping
  kPndm,      // PNDM's means are of the network's outputs
  kKarras,    // the levels are those that [EDM] eq. 5 spaces, not those of the rounded timesteps
  kLearned,   // a learned variance is taken as it is, not as a logarithm
  kEndNoise,  // noise in the last step of ddpm, unless it leaves t = 1
  kMean,      // ddpm takes a predicted mean as it is, not that of the clipped x_0
  kRounding,  // images are truncated to 8 bits
};

// The row of a switch: its flag without "--", the word for what this library does, the word for
// what other programs do, and what it means.
struct ParitySwitchRow {
  ParitySwitch value;
  std::string_view name;
  std::string_view ours;
  std::string_view theirs;
  std::string_view help;
};
inline constexpr size_t kParitySwitches = 10;
// All rows, by value.
std::span<const ParitySwitchRow, kParitySwitches> parity_switches();
const ParitySwitchRow& row_of(ParitySwitch value);

// The switches that are on. Empty: everything as this library does it.
class ParitySwitches {
 public:
  ParitySwitches() = default;
  constexpr ParitySwitches(std::initializer_list<ParitySwitch> on) {
    for (const ParitySwitch value : on) set(value, true);
  }

  bool has(ParitySwitch value) const { return on_[static_cast<size_t>(value)]; }
  constexpr void set(ParitySwitch value, bool on) { on_[static_cast<size_t>(value)] = on; }
  bool operator==(const ParitySwitches&) const = default;

 private:
  std::array<bool, kParitySwitches> on_ = {};
};

// "none", "diffusers", "official-tf", "improved-diffusion".
std::vector<std::string> parity_names();
// The switches that make samples as a program does. Throws InvalidArgument, with the nearest name,
// for any other word.
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
