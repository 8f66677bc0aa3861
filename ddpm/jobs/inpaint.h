// What could stand where something is missing of an image, by RePaint.

#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "ddpm/jobs/picture.h"
#include "ddpm/sampling/repaint.h"

namespace ddpm {

struct InpaintRequest {
  PictureRequest picture = {};  // of steps, 0 means 250, but at most T
  std::string data = {};
  std::vector<int64_t> images = {};  // numbers of the images; none: the first one
  std::string mask = {};             // an image file as mask_of_file reads it
  std::string fill = {};             // instead: what is to be filled in, as mask_of_fill reads it
  RepaintOptions repaint = {};       // without its sampler, which is that of `picture`
  int64_t count = 4;                 // fillings of each image, in [1, 2^20]
};

struct InpaintResult {
  Picture picture;               // a row per image, what is known of it, its fillings
  std::vector<int64_t> numbers;  // of the images
  std::vector<uint8_t> known;    // [height * width], 0 where a pixel was filled in, else 1
};

// Throws InvalidArgument "inpaint: .." unless there is just one of mask and fill.
void check(const InpaintRequest& request);

// Throws InvalidArgument "inpaint: ..", what open_model, chain_of and open_dataset throw, Stopped.
InpaintResult inpaint(const InpaintRequest& request, const TorchHooks& hooks, const Watch& watch);

}  // namespace ddpm
