// What a folder tree or an archive holds, by names alone: what will be decoded, what cannot be
// read, and what is left out.

#pragma once

#include <cstdint>
#include <filesystem>
#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "ddpm/data/known_layouts_internal.h"
#include "ddpm/data/source.h"
#include "ddpm/formats/archive.h"

namespace ddpm {

// The endings that is_image_name accepts, as a message names them.
inline constexpr const char* kImageEndings =
    ".png, .jpg, .jpeg, .jpe, .jfif, .webp, .bmp, .gif, .tif or .tiff (upper or lower case)";

bool is_image_name(std::string_view name);

// Whether a part of a path starts with a dot, or is the __MACOSX that macOS puts into archives.
bool is_hidden_part(std::string_view part);

// A name as a message shows it: escaped, and without its middle if it is long.
std::string shown_name(const std::string& name);

struct Listing {
  std::vector<std::string> images;         // names, "/" between folders; sorted
  std::map<std::string, std::string> bad;  // of images and folders: why they cannot be read
  LeftOut left_out;
  LayoutHints hints;               // of what is left out
  std::vector<std::string> notes;  // as in Source

  // One more file that is no image by its name. Counts it by its ending.
  void leave_out_file(const std::string& name);
};

// Walks a folder tree. Symbolic links are followed, but no folder is entered twice. A folder that
// cannot be listed is a bad entry "NAME/", except the top, for which IoError is thrown.
Listing list_folder(const std::filesystem::path& top, const GiveUp& give_up);

// Throws FormatError if no image is listed; it names what was found in `where` and what to do.
void check_any_image(const Listing& listing, const std::string& where,
                     const std::filesystem::path& path);

}  // namespace ddpm
