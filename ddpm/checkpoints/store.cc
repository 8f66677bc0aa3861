#include "ddpm/checkpoints/store.h"

#include <algorithm>
#include <exception>
#include <stdexcept>
#include <system_error>
#include <utility>

#include "ddpm/base/check.h"
#include "ddpm/base/format_version.h"
#include "ddpm/base/input_file.h"
#include "ddpm/base/run_layout.h"
#include "ddpm/base/text.h"
#include "ddpm/checkpoints/manifest.h"
#include "ddpm/checkpoints/removal.h"
#include "ddpm/checkpoints/run_folder.h"
#include "ddpm/diffusers/model_folder.h"
#include "ddpm/formats/safetensors.h"

namespace ddpm {

namespace fs = std::filesystem;

namespace {

// The step that a folder's name stands for, written as path_of writes it.
std::optional<int64_t> step_of(const std::string& name) {
  if (!is_checkpoint_name(name) || (name.size() > 8 && name[0] == '0')) return std::nullopt;
  return parse_int(name);
}

// Nothing if the checkpoint verifies.
std::optional<UnusableCheckpoint> fault_of(const fs::path& checkpoint) {
  const auto fault = [&checkpoint](CheckpointFault kind, const std::string& reason) {
    return UnusableCheckpoint{checkpoint, kind, reason};
  };
  std::error_code unknown;  // which verifying reports
  const fs::file_status status = fs::status(checkpoint, unknown);
  if (fs::exists(status) && !fs::is_directory(status)) {
    return fault(CheckpointFault::kDamaged,
                 concat("expected a folder, got ", kind_of_file(checkpoint)));
  }
  try {
    verify_checkpoint(checkpoint);
    return std::nullopt;
  } catch (const NewerVersion& error) {
    return fault(CheckpointFault::kNewerVersion, error.what());
  } catch (const FormatError& error) {
    return fault(CheckpointFault::kDamaged, error.what());
  } catch (const Error& error) {
    return fault(CheckpointFault::kUnreadable, error.what());
  } catch (const fs::filesystem_error& error) {
    return fault(CheckpointFault::kUnreadable,
                 concat("cannot read ", error.path1().string(), ": ", error.code().message()));
  }
}

// Its manifest alone is read.
bool is_of_newer_version(const fs::path& checkpoint) {
  try {
    read_manifest(checkpoint);
    return false;
  } catch (const NewerVersion&) {
    return true;
  } catch (const std::exception&) {
    return false;
  }
}

const char* word_of(CheckpointFault fault) {
  switch (fault) {
    case CheckpointFault::kDamaged:
      return "damaged";
    case CheckpointFault::kUnreadable:
      return "unreadable";
    case CheckpointFault::kNewerVersion:
      return "of a newer version";
  }
  throw std::logic_error("store: an unknown fault");
}

// None of a run's checkpoints can be used.
[[noreturn]] void throw_all_unusable(const fs::path& run,
                                     const std::vector<UnusableCheckpoint>& all) {
  const std::string others = all.size() == 1
                                 ? ""
                                 : concat("; ", counted(std::ssize(all) - 1, "older checkpoint"),
                                          " of this run cannot be used either");
  throw_fault(concat(run.string(), ": no checkpoint can be used"), all.front(), others);
}

// Such as a run whose checkpoints are on a disk that is not mounted.
[[noreturn]] void throw_without_checkpoints(const fs::path& run) {
  const fs::path folder = run / "checkpoints";
  const bool there = fs::exists(fs::symlink_status(folder));
  throw InvalidArgument(concat(run.string(), ": expected a run with the folder checkpoints, got ",
                               there ? kind_of_file(folder) : "none",
                               "; this run's config.json alone holds no network: put its "
                               "checkpoints back"));
}

}  // namespace

std::string fault_text(const UnusableCheckpoint& checkpoint) {
  return concat(checkpoint.path.string(), " is ", word_of(checkpoint.fault), ": ",
                checkpoint.reason);
}

void throw_fault(const std::string& who, const UnusableCheckpoint& checkpoint,
                 const std::string& way_out) {
  const std::string text = concat(who, ": ", fault_text(checkpoint), way_out);
  if (checkpoint.fault == CheckpointFault::kUnreadable) throw IoError(text);
  if (checkpoint.fault == CheckpointFault::kNewerVersion) throw NewerVersion(text);
  throw FormatError(text);
}

std::optional<UnusableCheckpoint> obstacle_to_saving(UnusableCheckpoint checkpoint) {
  // what is not damaged may be read by somebody, some day
  if (checkpoint.fault == CheckpointFault::kUnreadable) {
    checkpoint.reason += "; make it readable or move it away";
    return checkpoint;
  }
  if (checkpoint.fault == CheckpointFault::kDamaged) {
    const std::optional<std::string> reason = reason_to_keep(checkpoint.path);
    if (!reason) return std::nullopt;
    checkpoint.reason += "; " + *reason;
  }
  checkpoint.reason += "; move it away";
  return checkpoint;
}

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
    if (step) found.push_back({*step, entry.path()});
  }
  std::sort(found.begin(), found.end(),
            [](const auto& a, const auto& b) { return a.step < b.step; });
  return found;
}

NewestCheckpoint CheckpointStore::newest_valid() const {
  NewestCheckpoint newest;
  std::vector<StoredCheckpoint> all = list();
  std::reverse(all.begin(), all.end());
  for (const StoredCheckpoint& one : all) {
    const std::optional<UnusableCheckpoint> fault = fault_of(one.path);
    if (!fault) {
      newest.path = one.path;
      break;
    }
    newest.passed_over.push_back(*fault);
  }
  return newest;
}

fs::path CheckpointStore::save(const TrainingState& state, const TrainingArrays& arrays,
                               const KeepPolicy& keep, const KeptReport& report) {
  fs::path path = path_of(state.step);
  std::error_code error;
  const bool there = fs::symlink_status(path, error).type() != fs::file_type::not_found;
  const auto fault = there ? fault_of(path) : std::nullopt;
  if (there && !fault) return path;
  const auto obstacle = fault ? obstacle_to_saving(*fault) : std::nullopt;
  if (obstacle) throw_fault("cannot save", *obstacle, "");
  check_free_bytes(path, state.unet);
  if (there) remove(path);
  write_checkpoint(path, state, arrays, files_);
  prune(state.step, keep, report);
  return path;
}

void CheckpointStore::check_free_bytes(const fs::path& path, const UNetConfig& unet) const {
  const int64_t needed = checkpoint_bytes(unet);
  const int64_t free = free_bytes_(folder_);
  if (free < needed) {
    throw IoError(concat("cannot write ", path.string(), ": a checkpoint needs ",
                         readable_bytes(needed), ", the disk has ", readable_bytes(free)));
  }
}

// The name goes first, in one step, so that no crash leaves half a checkpoint under it.
void CheckpointStore::remove(const fs::path& checkpoint) {
  const fs::path doomed = folder_ / (".tmp-removed-" + checkpoint.filename().string());
  files_.remove_all(doomed);
  files_.rename(checkpoint, doomed);
  files_.sync(folder_);
  files_.remove_all(doomed);
}

void CheckpointStore::prune(int64_t newest, const KeepPolicy& keep, const KeptReport& report) {
  if (keep.last == 0) return;
  std::vector<StoredCheckpoint> all = list();
  const int64_t old = std::ssize(all) - keep.last;
  std::vector<fs::path> doomed;
  for (int64_t i = 0; i < old; ++i) {
    const int64_t step = all[static_cast<size_t>(i)].step;
    const bool kept = step == newest || (keep.every > 0 && step % keep.every == 0);
    const fs::path& path = all[static_cast<size_t>(i)].path;
    if (!kept && !is_of_newer_version(path)) doomed.push_back(path);
  }
  if (doomed.empty()) return;
  verify_checkpoint(path_of(newest));
  for (const fs::path& path : doomed) {
    const std::optional<std::string> reason = remove_if_possible(path);
    if (reason && report) report(concat("not removed: ", path.string(), ": ", *reason));
  }
}

// An old checkpoint that stays costs room on the disk; training that ends would cost more.
std::optional<std::string> CheckpointStore::remove_if_possible(const fs::path& checkpoint) {
  std::optional<std::string> reason = reason_to_keep(checkpoint);
  if (reason) return reason;
  try {
    remove(checkpoint);
  } catch (const IoError& error) {
    reason = error.what();
  }
  return reason;
}

ResolvedCheckpoint resolve_checkpoint(const fs::path& path) {
  if (fs::is_regular_file(path)) refuse_pickle(path);
  DDPM_CHECK(fs::is_directory(path), path.string(), ": wanted a run or a checkpoint, got ",
             fs::exists(path) ? "a file" : "no such folder");
  if (fs::exists(path / kManifestName)) {
    verify_checkpoint(path);
    return {path, {}};
  }
  const bool is_run = fs::is_directory(path / "checkpoints");  // which has a config.json, too
  if (!is_run && has_run_config(path)) throw_without_checkpoints(path);
  if (fs::exists(path / "model_index.json") || (!is_run && is_model_folder(path))) {
    return {path, {}};
  }
  DDPM_CHECK(is_run, path.string(),
             ": wanted a run or a checkpoint, got a folder with neither checkpoints/ nor "
             "model_index.json, nor a network's config.json");
  NewestCheckpoint newest = CheckpointStore(path).newest_valid();
  if (newest.path) return {*newest.path, std::move(newest.passed_over)};
  DDPM_CHECK(!newest.passed_over.empty(), path.string(), ": this run has no checkpoint yet");
  throw_all_unusable(path, newest.passed_over);
}

fs::path require_checkpoint(const std::string& command, const std::string& flag,
                            const fs::path& path) {
  const ResolvedCheckpoint resolved = resolve_checkpoint(path);
  if (resolved.passed_over.empty()) return resolved.path;
  throw_fault(concat(command, ": ", flag), resolved.passed_over.front(),
              concat("; ", flag, " ", resolved.path.string(), " takes the newest that is valid"));
}

}  // namespace ddpm
