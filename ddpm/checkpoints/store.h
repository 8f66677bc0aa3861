// The checkpoints of a run: which there are, which are whole, which are kept.

#pragma once

#include <cstdint>
#include <filesystem>
#include <functional>
#include <optional>
#include <span>
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

// Why a checkpoint cannot be used.
enum class CheckpointFault {
  kDamaged,       // a file is missing or not what the manifest describes
  kUnreadable,    // the system refuses: no permission, an error of the disk
  kNewerVersion,  // whole, but written by a newer version of this program
};

struct UnusableCheckpoint {
  std::filesystem::path path;
  CheckpointFault fault;
  std::string reason;  // one line that names the file
};

// "runs/a/checkpoints/00000030 is damaged: REASON".
std::string fault_text(const UnusableCheckpoint& checkpoint);

// Throws the error of the fault that starts with `who`: FormatError, IoError or NewerVersion.
[[noreturn]] void throw_fault(const std::string& who, const UnusableCheckpoint& checkpoint,
                              const std::string& way_out);

// The same with a longer reason, which ends with a way out, if saving a checkpoint of the same step
// must not replace it; nothing if it is damaged and may be removed, see removal.h.
std::optional<UnusableCheckpoint> obstacle_to_saving(UnusableCheckpoint checkpoint);

// The newest checkpoint of a run that verifies, if there is one, and those that are newer and do
// not, the newest first.
struct NewestCheckpoint {
  std::optional<std::filesystem::path> path;
  std::vector<UnusableCheckpoint> passed_over;
};

int64_t free_disk_bytes(const std::filesystem::path& folder);

// The folder <run>/checkpoints. Reading needs nothing but the folder; a writer has called
// prepare_run_folder and holds the RunLock.
class CheckpointStore {
 public:
  using FreeBytes = std::function<int64_t(const std::filesystem::path& folder)>;
  // Gets a line for each checkpoint that `keep` does not keep and that was not removed.
  using KeptReport = std::function<void(const std::string& line)>;

  explicit CheckpointStore(const std::filesystem::path& run, FileLayer& files = real_files(),
                           FreeBytes free_bytes = free_disk_bytes);

  // <run>/checkpoints/00000030.
  std::filesystem::path path_of(int64_t step) const;

  // In the order of their steps, with whatever else has the name of one; none if the folder is
  // missing.
  std::vector<StoredCheckpoint> list() const;

  // Reads every file of the newest checkpoint, and of older ones until one verifies.
  [[nodiscard]] NewestCheckpoint newest_valid() const;

  // Writes the checkpoint of state.step whole or not at all, then removes what `keep` does not
  // keep: never before the new one is complete and has verified, none of a newer version, and none
  // for which there is a reason_to_keep; one that cannot be removed is reported and no error. One
  // of the same step that verifies is left as it is, a damaged one is replaced. Before anything is
  // written it throws NotFinite for a number that is not finite, IoError if the disk has not the
  // bytes, and the error of its fault if there is one of this step with an obstacle_to_saving. All
  // that verifies is then unchanged.
  std::filesystem::path save(const TrainingState& state, const TrainingArrays& arrays,
                             const KeepPolicy& keep, const KeptReport& report = {});

  // Throws IoError unless the disk has the bytes of the checkpoint of `step`: to be asked before
  // the work that it is to keep.
  void check_room(int64_t step, const UNetConfig& unet) const {
    check_free_bytes(path_of(step), unet);
  }

 private:
  void check_free_bytes(const std::filesystem::path& checkpoint, const UNetConfig& unet) const;
  void remove(const std::filesystem::path& checkpoint);
  void prune(int64_t newest, const KeepPolicy& keep, const KeptReport& report);
  // Why it was not removed.
  std::optional<std::string> remove_if_possible(const std::filesystem::path& checkpoint);

  std::filesystem::path folder_;
  FileLayer& files_;
  FreeBytes free_bytes_;
};

struct ResolvedCheckpoint {
  std::filesystem::path path;
  std::vector<UnusableCheckpoint> passed_over;  // as in NewestCheckpoint
};

// What a person means by `path`: of a run its newest valid checkpoint, and a checkpoint's folder,
// or another of model_folder.h, itself, verified if it has a manifest. Throws InvalidArgument if it
// is neither or the run has no checkpoint yet; if the checkpoint, or every one of the run, cannot
// be used, the error of the fault: see throw_fault; FormatError for a file of PyTorch's, with the
// command that converts it.
[[nodiscard]] ResolvedCheckpoint resolve_checkpoint(const std::filesystem::path& path);

// The same for a command that takes the newest checkpoint or none: one that would be passed over is
// an error "command: flag: .." that names it, the reason, and the path to give for the older one.
[[nodiscard]] std::filesystem::path require_checkpoint(const std::string& command,
                                                       const std::string& flag,
                                                       const std::filesystem::path& path);

}  // namespace ddpm
