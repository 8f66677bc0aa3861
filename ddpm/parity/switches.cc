#include "ddpm/parity/switches.h"

#include <algorithm>
#include <array>

#include "ddpm/base/names.h"

namespace ddpm {

namespace {

using S = ParitySwitches;
constexpr std::array<ParitySwitch, 10> kSwitches = {{
    {"next-time", "list", "stride", "DDIM and PNDM go to the list's next time, or T div N down",
     &S::next_time},
    {"tables", "f64", "f32", "precision of the schedule and of the steps' weights", &S::tables},
    {"lists", "exact", "diffusers",
     "times rounded from exact fractions, or as numpy's floats make them", &S::lists},
    {"eps", "clipped", "raw", "DDIM's eps: of the clipped x_0, or of the one before clipping",
     &S::eps},
    {"pndm", "eps", "output", "PNDM's means are of eps, or of the network's bare outputs",
     &S::pndm},
    {"karras", "times", "sigmas",
     "levels of Karras spacing: of the rounded times, or as spaced between them", &S::karras},
    {"learned", "log", "plain", "what a learned variance says: its logarithm, or itself",
     &S::learned},
    {"end-noise", "none", "yes", "noise in ddpm's last step, unless it leaves t = 1",
     &S::end_noise},
    {"mean", "clipped", "network",
     "ddpm's mean where the network predicts it: of the clipped x_0, or as the network says it",
     &S::mean},
    {"rounding", "nearest", "truncate",
     "images to 8 bits: to the nearest level, or to the one below in float32", &S::rounding},
}};

// A program is a row: a mark for each of the above in their order, 'x' where it does otherwise.
struct Program {
  std::string_view name;
  std::string_view marks;
};
constexpr std::array<Program, 4> kPrograms = {{
    {"none", ".........."},
    {"diffusers", "xxxxxxxx.."},
    {"official-tf", "........xx"},
    {"improved-diffusion", "........xx"},
}};
static_assert(std::all_of(kPrograms.begin(), kPrograms.end(), [](const Program& program) {
  return program.marks.size() == kSwitches.size();
}));

}  // namespace

std::span<const ParitySwitch> parity_switches() { return kSwitches; }

std::vector<std::string> parity_names() {
  std::vector<std::string> names;
  for (const Program& program : kPrograms) names.emplace_back(program.name);
  return names;
}

ParitySwitches parity_of(std::string_view program) {
  std::array<Named<const Program*>, kPrograms.size()> names;
  for (size_t i = 0; i < names.size(); ++i) names[i] = {&kPrograms[i], kPrograms[i].name};
  const Program& row = *value_named(names, "parity", program);
  ParitySwitches switches;
  for (size_t i = 0; i < kSwitches.size(); ++i) {
    switches.*kSwitches[i].value = row.marks[i] == 'x' ? kSwitches[i].theirs : kSwitches[i].ours;
  }
  return switches;
}

}  // namespace ddpm
