#include "ddpm/parity/switches.h"

#include <array>

#include "ddpm/base/names.h"

namespace ddpm {

namespace {

using S = ParitySwitch;
constexpr std::array<ParitySwitchRow, kParitySwitches> kSwitches = {{
    {S::kNextTime, "next-time", "list", "stride",
     "DDIM and PNDM go to the list's next time, or T div N down"},
    {S::kTables, "tables", "f64", "f32", "precision of the schedule and of the steps' weights"},
    {S::kLists, "lists", "exact", "diffusers",
     "times rounded from exact fractions, or as numpy's floats make them"},
    {S::kEps, "eps", "clipped", "raw",
     "DDIM's eps: of the clipped x_0, or of the one before clipping"},
    {S::kPndm, "pndm", "eps", "output",
     "PNDM's means are of eps, or of the network's bare outputs"},
    {S::kKarras, "karras", "times", "sigmas",
     "levels of Karras spacing: of the rounded times, or as spaced between them"},
    {S::kLearned, "learned", "log", "plain",
     "what a learned variance says: its logarithm, or itself"},
    {S::kEndNoise, "end-noise", "none", "yes", "noise in ddpm's last step, unless it leaves t = 1"},
    {S::kMean, "mean", "clipped", "network",
     "ddpm's mean where the network predicts it: of the clipped x_0, or as the network says it"},
    {S::kRounding, "rounding", "nearest", "truncate",
     "images to 8 bits: to the nearest level, or to the one below in float32"},
}};
constexpr bool are_in_order() {
  for (size_t i = 0; i < kSwitches.size(); ++i) {
    if (kSwitches[i].value != static_cast<ParitySwitch>(i)) return false;
  }
  return true;
}
static_assert(are_in_order(), "row_of finds a row by the number of its value");

struct Program {
  std::string_view name;
  ParitySwitches switches;
};
constexpr std::array<Program, 4> kPrograms = {{
    {"none", {}},
    {"diffusers",
     {S::kNextTime, S::kTables, S::kLists, S::kEps, S::kPndm, S::kKarras, S::kLearned,
      S::kEndNoise}},
    {"official-tf", {S::kMean, S::kRounding}},
    {"improved-diffusion", {S::kMean, S::kRounding}},
}};

}  // namespace

std::span<const ParitySwitchRow, kParitySwitches> parity_switches() { return kSwitches; }

const ParitySwitchRow& row_of(ParitySwitch value) { return kSwitches[static_cast<size_t>(value)]; }

std::vector<std::string> parity_names() {
  std::vector<std::string> names;
  for (const Program& program : kPrograms) names.emplace_back(program.name);
  return names;
}

ParitySwitches parity_of(std::string_view program) {
  std::array<Named<const Program*>, kPrograms.size()> names;
  for (size_t i = 0; i < names.size(); ++i) names[i] = {&kPrograms[i], kPrograms[i].name};
  return value_named(names, "parity", program)->switches;
}

}  // namespace ddpm
