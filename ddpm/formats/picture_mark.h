// The mark of pictures that this program draws for people: grids, plots, chains. They are never
// data, so a folder may hold them beside the images that it was made for.

#pragma once

#include <span>
#include <string>

#include "ddpm/formats/png.h"

namespace ddpm {

// The text of a picture with the mark.
PngText marked(PngText text);

// encode_png with the mark, the text "ddpm: picture", added.
std::string encode_picture(const Image& image, PngText text = {});

// Whether the bytes are a PNG file with that text in front of its pixels. Reads chunk headers only,
// and never beyond `bytes`.
bool is_drawn_picture(std::span<const std::byte> bytes);

}  // namespace ddpm
