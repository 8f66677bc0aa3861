#include "ddpm/base/run_layout.h"

#include <system_error>

namespace ddpm {

namespace fs = std::filesystem;

bool is_checkpoint_name(std::string_view name) {
  constexpr size_t kMinDigits = 8;
  return name.size() >= kMinDigits &&
         name.find_first_not_of("0123456789") == std::string_view::npos;
}

bool is_run_folder(const fs::path& folder) {
  std::error_code error;
  const fs::path checkpoints = folder / kCheckpointsName;
  if (!fs::is_regular_file(folder / "config.json", error)) return false;
  if (!fs::is_directory(checkpoints, error)) return false;
  if (fs::is_regular_file(folder / "metrics.jsonl", error)) return true;
  error.clear();
  for (fs::directory_iterator entry(checkpoints, error), end; !error && entry != end;
       entry.increment(error)) {
    if (is_checkpoint_name(entry->path().filename().string())) return true;
  }
  return false;
}

std::optional<fs::path> checkpoints_around(const fs::path& path) {
  std::error_code error;
  const fs::path named = fs::absolute(path, error).lexically_normal();
  for (fs::path at : {named, fs::weakly_canonical(path, error)}) {
    for (; at.has_relative_path(); at = at.parent_path()) {
      if (at.filename() == kCheckpointsName && is_run_folder(at.parent_path())) return at;
    }
  }
  return std::nullopt;
}

}  // namespace ddpm
