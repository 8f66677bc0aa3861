#include "ddpm/checkpoints/store.h"

#include <algorithm>
#include <system_error>
#include <utility>

#include "ddpm/base/check.h"
#include "ddpm/base/text.h"
#include "ddpm/checkpoints/manifest.h"
#include "ddpm/checkpoints/model_folder.h"
#include "ddpm/formats/safetensors.h"

namespace ddpm {

namespace fs = std::filesystem;

namespace {

// The step that a folder's name stands for, written as path_of writes it.
std::optional<int64_t> step_of(const std::string& name) {
  const bool digits = name.size() >= 8 && name.find_first_not_of("0123456789") == std::string::npos;
  if (!digits || (name.size() > 8 && name[0] == '0')) return std::nullopt;
  return parse_int(name);
}

bool verifies(const fs::path& checkpoint, std::string* why) {
  try {
    verify_checkpoint(checkpoint);
    return true;
  } catch (const Error& error) {
    if (why != nullptr) *why = error.what();
    return false;
  }
}

}  // namespace

int64_t free_disk_bytes(const fs::path& folder) {
  std::error_code error;
  const fs::space_info space = fs::space(folder, error);
  if (error) {
    throw IoError(
        concat("cannot ask for the free space of ", folder.string(), ": ", error.message()));
  }
  return static_cast<int64_t>(space.available);
}

CheckpointStore::CheckpointStore(const fs::path& run, FileLayer& files, FreeBytes free_bytes)
    : folder_(run / "checkpoints"), files_(files), free_bytes_(std::move(free_bytes)) {}

fs::path CheckpointStore::path_of(int64_t step) const {
  const std::string digits = std::to_string(step);
  return folder_ / (std::string(digits.size() < 8 ? 8 - digits.size() : 0, '0') + digits);
}

std::vector<StoredCheckpoint> CheckpointStore::list() const {
  std::vector<StoredCheckpoint> found;
  if (!fs::is_directory(folder_)) return found;
  for (const auto& entry : fs::directory_iterator(folder_)) {
    const std::optional<int64_t> step = step_of(entry.path().filename().string());
    if (step && entry.is_directory()) found.push_back({*step, entry.path()});
  }
  std::sort(found.begin(), found.end(),
            [](const auto& a, const auto& b) { return a.step < b.step; });
  return found;
}

std::optional<fs::path> CheckpointStore::newest_valid(std::vector<std::string>* passed_over) const {
  std::vector<StoredCheckpoint> all = list();
  std::reverse(all.begin(), all.end());
  for (const StoredCheckpoint& one : all) {
    std::string why;
    if (verifies(one.path, &why)) return one.path;
    if (passed_over != nullptr) passed_over->push_back(why);
  }
  return std::nullopt;
}

fs::path CheckpointStore::save(const TrainingState& state, const TrainingArrays& arrays,
                               const KeepPolicy& keep) {
  fs::path path = path_of(state.step);
  const bool there = fs::exists(path);
  if (there && verifies(path, nullptr)) return path;
  const int64_t needed = checkpoint_bytes(state.unet);
  const int64_t free = free_bytes_(folder_);
  if (free < needed) {
    throw IoError(concat("cannot write ", path.string(), ": a checkpoint needs ",
                         readable_bytes(needed), ", the disk has ", readable_bytes(free)));
  }
  if (there) remove(path);
  write_checkpoint(path, state, arrays, files_);
  prune(state.step, keep);
  return path;
}

// The name goes first, in one step, so that no crash leaves half a checkpoint under it.
void CheckpointStore::remove(const fs::path& checkpoint) {
  const fs::path doomed = folder_ / (".tmp-removed-" + checkpoint.filename().string());
  files_.remove_all(doomed);
  files_.rename(checkpoint, doomed);
  files_.sync(folder_);
  files_.remove_all(doomed);
}

void CheckpointStore::prune(int64_t newest, const KeepPolicy& keep) {
  if (keep.last == 0) return;
  std::vector<StoredCheckpoint> all = list();
  const int64_t old = std::ssize(all) - keep.last;
  std::vector<fs::path> doomed;
  for (int64_t i = 0; i < old; ++i) {
    const int64_t step = all[static_cast<size_t>(i)].step;
    const bool kept = step == newest || (keep.every > 0 && step % keep.every == 0);
    if (!kept) doomed.push_back(all[static_cast<size_t>(i)].path);
  }
  if (doomed.empty()) return;
  verify_checkpoint(path_of(newest));
  for (const fs::path& path : doomed) remove(path);
}

fs::path resolve_checkpoint(const fs::path& path, std::vector<std::string>* passed_over) {
  if (fs::is_regular_file(path)) refuse_pickle(path);
  DDPM_CHECK(fs::is_directory(path), path.string(), ": wanted a run or a checkpoint, got ",
             fs::exists(path) ? "a file" : "no such folder");
  if (fs::exists(path / kManifestName)) {
    verify_checkpoint(path);
    return path;
  }
  const bool is_run = fs::is_directory(path / "checkpoints");  // which has a config.json, too
  if (fs::exists(path / "model_index.json") || (!is_run && is_model_folder(path))) return path;
  DDPM_CHECK(is_run, path.string(),
             ": wanted a run or a checkpoint, got a folder with neither checkpoints/ nor "
             "model_index.json, nor a network's config.json");
  std::vector<std::string> damaged;
  const std::optional<fs::path> newest = CheckpointStore(path).newest_valid(&damaged);
  if (passed_over != nullptr) {
    passed_over->insert(passed_over->end(), damaged.begin(), damaged.end());
  }
  if (newest) return *newest;
  DDPM_CHECK(!damaged.empty(), path.string(), ": this run has no checkpoint yet");
  throw FormatError(concat(path.string(), ": every checkpoint is damaged: ", join(damaged, "; ")));
}

}  // namespace ddpm
