// Which pixels of an image are known.

#pragma once

#include <cstdint>
#include <string>
#include <vector>

namespace ddpm {

// The words that masks have: what is to be filled in.
inline constexpr const char* kFillForms = "left|right|top|bottom|centre|X,Y,W,H";

// [height * width], 0 where the pixel is to be filled in and 1 elsewhere. `fill` names the unknown
// half, the unknown middle (half of each side), or a box of W x H pixels whose left upper one is
// (X, Y), counted from 0. Throws InvalidArgument that starts with `who` for another word, a box
// that is not within the image, and where nothing or everything would be unknown.
std::vector<uint8_t> mask_of_fill(const std::string& who, const std::string& fill, int64_t height,
                                  int64_t width);

// From an image file as RePaint has its masks: white is known, black is to be filled in; a gray
// counts as the nearer of both. What is transparent, as an eraser tool leaves it, is to be filled
// in too: colours are laid over black. Throws InvalidArgument that starts with `who` unless the
// file has just this size, and something in it is known and something is not.
std::vector<uint8_t> mask_of_file(const std::string& who, const std::string& file, int64_t height,
                                  int64_t width);

}  // namespace ddpm
