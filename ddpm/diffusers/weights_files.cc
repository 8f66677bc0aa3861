#include "ddpm/diffusers/weights_files.h"

#include <algorithm>
#include <optional>
#include <set>
#include <string_view>
#include <system_error>

#include "ddpm/base/check.h"
#include "ddpm/base/file.h"
#include "ddpm/base/text.h"
#include "ddpm/formats/safetensors.h"

namespace ddpm {

namespace fs = std::filesystem;

namespace {

constexpr std::string_view kStem = "diffusion_pytorch_model";
constexpr std::string_view kEnding = ".safetensors";

// What stands for the variant between two fixed parts of a name, without its dots.
std::optional<std::string> between(std::string_view name, std::string_view before,
                                   std::string_view behind) {
  const bool fits = name.size() > before.size() + behind.size() + 1 && name.starts_with(before) &&
                    name.ends_with(behind) && name[before.size()] == '.';
  if (!fits) return std::nullopt;
  name.remove_prefix(before.size() + 1);
  name.remove_suffix(behind.size());
  return std::string(name);
}

// "fp16-00001-of-00002" is a shard of a variant and not one.
bool is_shard(const std::string& variant) { return variant.find("-of-") != std::string::npos; }

std::string whole_name(const std::string& variant) {
  return concat(kStem, variant.empty() ? "" : ".", variant, kEnding);
}

// Two forms: diffusers' of today and its first.
std::vector<std::string> index_names(const std::string& variant) {
  if (variant.empty()) return {concat(kStem, kEnding, ".index.json")};
  return {concat(kStem, kEnding, ".index.", variant, ".json"),
          concat(kStem, kEnding, ".", variant, ".index.json")};
}

std::vector<std::string> names_in(const fs::path& folder) {
  std::vector<std::string> names;
  std::error_code error;
  for (fs::directory_iterator entry(folder, error), end; !error && entry != end;
       entry.increment(error)) {
    names.push_back(entry->path().filename().string());
  }
  if (error) throw IoError(concat("cannot list ", folder.string(), ": ", error.message()));
  std::sort(names.begin(), names.end());
  return names;
}

std::vector<std::string> variants_in(const std::vector<std::string>& names) {
  const std::string index = concat(kStem, kEnding, ".index");
  std::set<std::string> found;
  for (const std::string& name : names) {
    std::optional<std::string> variant = between(name, index, ".json");
    if (!variant) variant = between(name, concat(kStem, kEnding), ".index.json");
    if (!variant) variant = between(name, kStem, kEnding);
    if (variant && !is_shard(*variant)) found.insert(*variant);
  }
  return {found.begin(), found.end()};
}

// Throws FormatError if one of these is a file of PyTorch's own.
void refuse_pickles(const fs::path& folder, const std::vector<std::string>& names) {
  const std::set<std::string> endings = {".bin", ".pt", ".pth", ".ckpt"};
  for (const std::string& name : names) {
    const fs::path path = folder / name;
    if (!name.starts_with(kStem) || endings.count(path.extension().string()) == 0) continue;
    if (fs::is_regular_file(path)) refuse_pickle(path);
  }
}

// False if there is neither an index nor a whole file of this variant. A link that leads nowhere
// and a folder are found, too: opening them says what they are.
bool take(const fs::path& folder, const std::vector<std::string>& names, const std::string& variant,
          WeightsFiles& files) {
  const auto there = [&](const std::string& name) {
    return std::binary_search(names.begin(), names.end(), name);
  };
  for (const std::string& name : index_names(variant)) {
    if (files.index.empty() && there(name)) files.index = folder / name;
  }
  if (files.index.empty() && there(whole_name(variant))) files.whole = folder / whole_name(variant);
  files.variant = variant;
  return !files.index.empty() || !files.whole.empty();
}

}  // namespace

WeightsFiles find_weights_files(const fs::path& folder, const std::string& variant) {
  const std::vector<std::string> names = names_in(folder);
  WeightsFiles files;
  files.variants = variants_in(names);
  if (take(folder, names, variant, files)) return files;
  const std::string list = join(files.variants, ", ");
  DDPM_CHECK(variant.empty(), folder.string(), ": has no weights of variant '", variant, "', ",
             list.empty() ? "nor of another" : "only of " + list);
  DDPM_CHECK(files.variants.size() < 2, folder.string(), ": has weights of the variants ", list,
             ", and none without a name; wanted --variant with one of them");
  if (!files.variants.empty()) {
    files.only_variant = true;
    take(folder, names, files.variants[0], files);
    return files;
  }
  refuse_pickles(folder, names);
  throw FormatError(
      concat((folder / kWeightsName).string(), ": missing; the weights are wanted there"));
}

}  // namespace ddpm
