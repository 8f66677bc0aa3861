// How a run folder is recognised by names alone, without reading its files.

#pragma once

#include <filesystem>
#include <optional>
#include <string_view>

namespace ddpm {

inline constexpr const char* kCheckpointsName = "checkpoints";

// Whether a folder of this name in a run is a checkpoint: eight digits or more.
bool is_checkpoint_name(std::string_view name);

// Whether `folder` is a run of this program: it holds config.json and a folder named checkpoints,
// and metrics.jsonl or a checkpoint.
bool is_run_folder(const std::filesystem::path& folder);

// The folder RUN/checkpoints that `path`, which need not exist, is or would lie in, by its name or
// with its links followed.
std::optional<std::filesystem::path> checkpoints_around(const std::filesystem::path& path);

}  // namespace ddpm
