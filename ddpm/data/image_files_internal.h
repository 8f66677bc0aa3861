// The sources that are PNG and JPEG files: a folder tree, an archive, one file.

#pragma once

#include <cstdint>
#include <filesystem>
#include <span>
#include <string>
#include <string_view>

#include "ddpm/data/source.h"

namespace ddpm {

// What an encoded image may have at most, in bytes.
inline constexpr int64_t kMostFileBytes = int64_t{1} << 30;

// The endings that is_image_name accepts, as a message names them.
inline constexpr const char* kImageEndings = ".png, .jpg and .jpeg (upper or lower case)";

bool is_image_name(std::string_view name);

// Any part of the path starts with a dot, or is the __MACOSX that macOS puts into archives.
bool is_hidden_name(std::string_view name);

// PNG or JPEG, whichever the bytes are. Throws FormatError that starts with `who`.
Image decode_image(std::span<const std::byte> bytes, const std::string& who);

// These three throw as open_source does.
Source open_image_folder(const std::filesystem::path& folder);
Source open_image_archive(const std::filesystem::path& archive, int64_t limit_bytes);
Source open_image_file(const std::filesystem::path& file);

}  // namespace ddpm
