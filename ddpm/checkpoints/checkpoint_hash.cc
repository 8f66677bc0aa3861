// What one checkpoint is told from another by.

#include <filesystem>
#include <system_error>

#include "ddpm/base/file.h"
#include "ddpm/base/sha256.h"
#include "ddpm/checkpoints/checkpoint.h"
#include "ddpm/checkpoints/manifest.h"
#include "ddpm/diffusers/model_folder.h"
#include "ddpm/diffusers/weights.h"

namespace ddpm {

namespace fs = std::filesystem;

namespace {

// Every file that is read for a network and its process.
std::vector<fs::path> files_read(const ModelFolder& folder, const WeightsFiles& weights) {
  std::vector<fs::path> paths = paths_of(weights);
  paths.push_back(folder.network / "config.json");
  if (!folder.scheduler.empty()) paths.push_back(folder.scheduler);
  if (folder.kind == FolderKind::kPipeline) paths.push_back(folder.root / kDiffusersIndexName);
  return paths;
}

}  // namespace

std::string checkpoint_hash(const fs::path& checkpoint, const WeightsChoice& choice) {
  const ModelFolder folder = find_model_folder(checkpoint, choice.ema);
  const fs::path manifest = checkpoint / kManifestName;
  const Manifest known = fs::exists(manifest) ? read_manifest(checkpoint) : Manifest();
  Manifest read;
  bool all_known = true;
  for (const fs::path& path : files_read(folder, find_weights(folder, choice))) {
    const std::string name = path.lexically_relative(folder.root).generic_string();
    const auto entry = known.find(name);
    all_known = all_known && entry != known.end();
    read[name] = entry != known.end() ? entry->second
                                      : ManifestEntry{static_cast<int64_t>(fs::file_size(path)),
                                                      sha256_of_file(path)};
  }
  return all_known ? sha256_of_file(manifest) : sha256_hex(as_bytes(manifest_text(read)));
}

}  // namespace ddpm
