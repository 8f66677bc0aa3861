#include "ddpm/checkpoints/removal.h"

#include <unistd.h>

#include <algorithm>
#include <array>
#include <string_view>
#include <system_error>

#include "ddpm/base/check.h"
#include "ddpm/base/input_file.h"
#include "ddpm/checkpoints/checkpoint.h"
#include "ddpm/checkpoints/manifest.h"
#include "ddpm/diffusers/model_files.h"

namespace ddpm {

namespace fs = std::filesystem;

namespace {

constexpr std::array<std::string_view, 3> kFolders = {"unet", "scheduler", "training"};
constexpr std::array<std::string_view, 8> kFiles = {
    kDiffusersIndexName, kDiffusersUNetName, kDiffusersWeightsName, kDiffusersSchedulerName,
    kRawWeightsName,     kOptimizerName,     kTrainingStateName,    kManifestName};

template <typename Names>
bool contains(const Names& names, const std::string& name) {
  return std::find(names.begin(), names.end(), name) != names.end();
}

bool may_remove_from(const fs::path& folder) {
  return ::access(folder.c_str(), R_OK | W_OK | X_OK) == 0;
}

}  // namespace

std::optional<std::string> reason_to_keep(const fs::path& checkpoint) {
  std::error_code error;
  const fs::file_status status = fs::symlink_status(checkpoint, error);
  if (fs::is_symlink(status)) return "it is a link, which saving does not make";
  if (!fs::is_directory(status)) return concat("it is ", kind_of_file(checkpoint), ", no folder");
  const std::string refused = "without permission to remove what is in ";
  if (!may_remove_from(checkpoint)) return refused + checkpoint.string();
  bool ours = true;  // while it is empty
  for (fs::recursive_directory_iterator entry(checkpoint, error), end; !error && entry != end;
       entry.increment(error)) {
    const std::string name = entry->path().lexically_relative(checkpoint).string();
    const bool folder = fs::is_directory(entry->symlink_status(error));
    if (!(folder ? contains(kFolders, name) : contains(kFiles, name))) {
      return concat("it holds ", name, ", which no checkpoint has");
    }
    if (folder && !may_remove_from(entry->path())) return refused + entry->path().string();
    ours = false;
  }
  if (error) return concat("cannot look into it: ", error.message());
  ours = ours || fs::exists(checkpoint / kManifestName, error) ||
         fs::exists(checkpoint / "training", error);
  if (!ours) return concat("it has neither ", kManifestName, " nor training/, as an export");
  return std::nullopt;
}

}  // namespace ddpm
