// The images of a job as one .npz.

#pragma once

#include <cstdint>
#include <functional>

#include "ddpm/base/streamed_file.h"
#include "ddpm/formats/image.h"

namespace ddpm {

// Passes a .npz with `count` images, at least 1, as uint8 [N, H, W, C] under the name "arr_0" to
// `sink`. image(i) is called once for each i in [0, count), in order, and one image is in memory at
// a time. Throws InvalidArgument if they differ in size or channels or have 16 bits.
void stream_images_npz(int64_t count, const std::function<Image(int64_t i)>& image,
                       const ByteSink& sink);

}  // namespace ddpm
