// What may be removed from a run's checkpoints: what this program's saving made, and nothing else.

#pragma once

#include <filesystem>
#include <optional>
#include <string>

namespace ddpm {

// Why what is at `checkpoint` must stay under its name, in a few words that name a file: it is no
// folder, it is a link, it holds something that no checkpoint has, saving did not make it, or the
// system would refuse to remove it. Nothing if it may be removed. Only names and modes are read, so
// a damaged checkpoint is one too.
std::optional<std::string> reason_to_keep(const std::filesystem::path& checkpoint);

}  // namespace ddpm
