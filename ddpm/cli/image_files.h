// The numbered images of a job: one file each, whole or not there, each saying how it was made.

#pragma once

#include <cstdint>
#include <filesystem>
#include <string>
#include <vector>

#include "ddpm/formats/image.h"
#include "ddpm/formats/png.h"

namespace ddpm {

// DIR/000007.png for image 7; more digits where six are not enough.
std::filesystem::path image_file(const std::filesystem::path& folder, int64_t index);

// Image `index` of the job that `job` describes (its text chunks but for "index") as bytes of a
// PNG.
std::string encode_job_image(const Image& image, const PngText& job, int64_t index);

// Those of the images first .. first + count - 1 that are not there yet or are not complete. Throws
// InvalidArgument if a complete one was made by another job: nothing is ever overwritten.
std::vector<int64_t> missing_images(const std::filesystem::path& folder, const PngText& job,
                                    int64_t first, int64_t count);

// The images first .. first + count - 1 as they lie in the folder.
std::vector<Image> read_images(const std::filesystem::path& folder, int64_t first, int64_t count);

// A .npz with all these images as uint8 [N, H, W, C] under the name "arr_0".
std::string images_as_npz(const std::vector<Image>& images);

}  // namespace ddpm
