// The checkpoints of a run: which there are, which are whole, which are kept.

#pragma once

#include <cstdint>
#include <filesystem>
#include <functional>
#include <optional>
#include <string>
#include <vector>

#include "ddpm/base/file.h"
#include "ddpm/checkpoints/checkpoint.h"

namespace ddpm {

// Which checkpoints survive a new one: the newest `last`, and those whose step is a multiple of
// `every`.
struct KeepPolicy {
  int64_t last = 3;   // 0: all
  int64_t every = 0;  // steps; 0: none for its step
};

struct StoredCheckpoint {
  int64_t step;
  std::filesystem::path path;
};

int64_t free_disk_bytes(const std::filesystem::path& folder);

// The folder <run>/checkpoints. Reading needs nothing but the folder; a writer has called
// prepare_run_folder and holds the RunLock.
class CheckpointStore {
 public:
  using FreeBytes = std::function<int64_t(const std::filesystem::path& folder)>;

  explicit CheckpointStore(const std::filesystem::path& run, FileLayer& files = real_files(),
                           FreeBytes free_bytes = free_disk_bytes);

  // <run>/checkpoints/00000030.
  std::filesystem::path path_of(int64_t step) const;

  // In the order of their steps, damaged ones too; none if the folder is missing.
  std::vector<StoredCheckpoint> list() const;

  // The checkpoint with the largest step that verifies. Those passed over for it are appended to
  // `passed_over` (may be null), each a line that says why.
  std::optional<std::filesystem::path> newest_valid(std::vector<std::string>* passed_over) const;

  // Writes the checkpoint of state.step whole or not at all, then removes what `keep` does not
  // keep: never before the new one is complete and has verified. One of the same step that verifies
  // is left as it is, a damaged one is replaced. Before anything is written it throws NotFinite for
  // a number that is not finite and IoError if the disk has not the bytes; both leave all that
  // verifies unchanged.
  std::filesystem::path save(const TrainingState& state, const TrainingArrays& arrays,
                             const KeepPolicy& keep);

 private:
  void remove(const std::filesystem::path& checkpoint);
  void prune(int64_t newest, const KeepPolicy& keep);

  std::filesystem::path folder_;
  FileLayer& files_;
  FreeBytes free_bytes_;
};

// What a person means by `path`: of a run its newest valid checkpoint, and a checkpoint's folder,
// or another of model_folder.h, itself, verified if it has a manifest. Throws InvalidArgument if it
// is neither or the run has no checkpoint yet; FormatError if the checkpoint, or every one of the
// run, is damaged, and for a file of PyTorch's, saying how to convert it.
std::filesystem::path resolve_checkpoint(const std::filesystem::path& path,
                                         std::vector<std::string>* passed_over = nullptr);

}  // namespace ddpm
