// The sources that are image files: a folder tree, an archive, one file.

#pragma once

#include <cstdint>
#include <filesystem>
#include <span>
#include <string>

#include "ddpm/data/source.h"

namespace ddpm {

// What an encoded image may have at most, in bytes.
inline constexpr int64_t kMaxFileBytes = int64_t{1} << 30;

// These three throw as open_source does.
Source open_image_folder(const std::filesystem::path& folder, const GiveUp& give_up);
Source open_image_archive(const std::filesystem::path& archive, int64_t limit_bytes,
                          const GiveUp& give_up);
Source open_image_file(const std::filesystem::path& file);

}  // namespace ddpm
