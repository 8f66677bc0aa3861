#include "ddpm/convert/state_dictionary.h"

#include <array>
#include <nlohmann/json.hpp>
#include <optional>
#include <set>

#include "ddpm/base/json.h"
#include "ddpm/base/names.h"
#include "ddpm/base/text.h"

namespace ddpm {

namespace {

constexpr std::array<Named<SourceSystem>, 4> kSystems = {{
    {SourceSystem::kImprovedDiffusion, "improved-diffusion"},
    {SourceSystem::kGuidedDiffusion, "openai-guided"},
    {SourceSystem::kDdpmTorch, "ddpm-torch"},
    {SourceSystem::kLucidrains, "lucidrains"},
}};

// Two names that only this system's networks have, and what to say of them.
struct Marks {
  std::optional<SourceSystem> system;
  const char* first;
  const char* second;
  const char* said;
};
constexpr Marks kMarks[] = {
    {SourceSystem::kImprovedDiffusion, "time_embed.0.weight", "input_blocks.0.0.weight",
     "the names of improved-diffusion and guided-diffusion; --from improved-diffusion or --from "
     "openai-guided"},
    {SourceSystem::kDdpmTorch, "embed.0.weight", "in_conv.weight",
     "the names of ddpm-torch; --from ddpm-torch"},
    {SourceSystem::kLucidrains, "init_conv.weight", "time_mlp.1.weight",
     "the names of lucidrains' denoising-diffusion-pytorch, whose network no UNet2DModel is"},
    {std::nullopt, "time_embedding.linear_1.weight", "conv_in.weight",
     "diffusers' names, which are ours: they need no conversion"},
    {std::nullopt, "temb.dense.0.weight", "conv_in.weight",
     "the names of a PyTorch port of the official checkpoint, which is none of --from"},
    {std::nullopt, "map_layer0.weight", "map_layer1.weight",
     "the names of an EDM network, which no UNet2DModel is"},
};

// A row of kMarks stands for both of OpenAI's systems.
bool is_row_of(const Marks& marks, SourceSystem system) {
  const bool openai = system == SourceSystem::kGuidedDiffusion;
  return marks.system == (openai ? SourceSystem::kImprovedDiffusion : system);
}

// What stands before both names somewhere in the file.
std::set<std::string> prefixes_of(const Shapes& file, const Marks& marks) {
  const std::string first = marks.first;
  std::set<std::string> prefixes;
  for (const auto& entry : file) {
    const std::string& name = entry.first;
    if (!name.ends_with(first)) continue;
    std::string prefix = name.substr(0, name.size() - first.size());
    const bool whole = prefix.empty() || prefix.back() == '.';
    if (whole && file.count(prefix + marks.second) > 0) prefixes.insert(std::move(prefix));
  }
  return prefixes;
}

[[noreturn]] void refuse_names(const Shapes& file, SourceSystem system, const Marks& wanted,
                               const std::string& who) {
  for (const Marks& marks : kMarks) {
    if (prefixes_of(file, marks).empty()) continue;
    throw InvalidArgument(
        concat(who, ": wanted the names of ", to_string(system), ", but these are ", marks.said));
  }
  throw FormatError(concat(who, ": not a state dictionary of ", to_string(system), ": no ",
                           wanted.first, " or no ", wanted.second, " among its ",
                           counted(std::ssize(file), "tensor")));
}

// The one set that is meant.
std::string chosen_prefix(const std::set<std::string>& prefixes, const std::string& who) {
  if (prefixes.size() == 1) return *prefixes.begin();
  std::vector<std::string> averages;
  std::vector<std::string> all;
  for (const std::string& prefix : prefixes) {
    all.push_back(json_shown(Json(prefix)));
    if (prefix.starts_with("ema")) averages.push_back(prefix);
  }
  if (averages.size() == 1) return averages[0];
  throw FormatError(concat(who, ": has ", prefixes.size(),
                           " sets of weights, whose names begin with ", join(all, ", "),
                           "; wanted one set, or one that begins with ema"));
}

}  // namespace

std::string to_string(SourceSystem system) { return name_of(kSystems, system); }

SourceSystem source_system_from(std::string_view name) {
  return value_named(kSystems, "convert: --from", name);
}

std::vector<std::string> source_system_names() {
  std::vector<std::string> names;
  for (const auto& row : kSystems) names.emplace_back(row.name);
  return names;
}

const std::vector<int64_t>& StateDictionary::shape(const std::string& name, size_t rank) const {
  const auto found = shapes.find(name);
  if (found == shapes.end()) fail("no ", prefix, name);
  if (found->second.size() != rank) {
    fail(prefix, name, " wanted ", counted(static_cast<int64_t>(rank), "extent"), ", got ",
         shape_text(found->second));
  }
  return found->second;
}

StateDictionary read_state_dictionary(const Shapes& file, SourceSystem system,
                                      const std::string& who) {
  const Marks* wanted = nullptr;
  for (const Marks& marks : kMarks) {
    if (is_row_of(marks, system)) wanted = &marks;
  }
  DDPM_ASSERT(wanted != nullptr);
  const std::set<std::string> prefixes = prefixes_of(file, *wanted);
  if (prefixes.empty()) refuse_names(file, system, *wanted, who);
  StateDictionary dictionary{
      .who = who, .prefix = chosen_prefix(prefixes, who), .shapes = {}, .outside = 0};
  for (const auto& [name, shape] : file) {
    if (name.starts_with(dictionary.prefix)) {
      dictionary.shapes.emplace(name.substr(dictionary.prefix.size()), shape);
    } else {
      ++dictionary.outside;
    }
  }
  return dictionary;
}

}  // namespace ddpm
