#include "ddpm/cli/image_files.h"

#include <cstdio>
#include <optional>

#include "ddpm/base/check.h"
#include "ddpm/base/file.h"
#include "ddpm/formats/npy.h"
#include "ddpm/formats/npz.h"

namespace ddpm {

namespace fs = std::filesystem;

namespace {

constexpr int64_t kLargestFile = int64_t{1} << 30;

// The text chunks of a complete PNG, or nothing: a file that was cut off is made again.
std::optional<PngText> text_of_complete(const fs::path& path) {
  try {
    const std::string bytes = read_file(path, kLargestFile);
    decode_png(as_bytes(bytes), path.string());
    return read_png_text(as_bytes(bytes), path.string());
  } catch (const FormatError&) {
    return std::nullopt;
  }
}

void check_same_job(const fs::path& path, const PngText& found, const PngText& job) {
  for (const auto& [key, wanted] : job) {
    const auto entry = found.find(key);
    const std::string got = entry == found.end() ? "none" : entry->second;
    DDPM_CHECK(got == wanted, "sample: ", path.string(), " is of another job: its ", key, " is ",
               got, ", wanted ", wanted, "; choose another --out");
  }
}

}  // namespace

fs::path image_file(const fs::path& folder, int64_t index) {
  char name[32];
  std::snprintf(name, sizeof(name), "%06lld.png", static_cast<long long>(index));
  return folder / name;
}

std::string encode_job_image(const Image& image, const PngText& job, int64_t index) {
  PngText text = job;
  text["index"] = std::to_string(index);
  return encode_png(image, text);
}

std::vector<int64_t> missing_images(const fs::path& folder, const PngText& job, int64_t first,
                                    int64_t count) {
  std::vector<int64_t> missing;
  for (int64_t index = first; index < first + count; ++index) {
    const fs::path path = image_file(folder, index);
    const auto found = fs::exists(path) ? text_of_complete(path) : std::nullopt;
    if (found) {
      check_same_job(path, *found, job);
    } else {
      missing.push_back(index);
    }
  }
  return missing;
}

std::vector<Image> read_images(const fs::path& folder, int64_t first, int64_t count) {
  std::vector<Image> images;
  for (int64_t index = first; index < first + count; ++index) {
    const fs::path path = image_file(folder, index);
    images.push_back(decode_png(as_bytes(read_file(path, kLargestFile)), path.string()));
  }
  return images;
}

std::string images_as_npz(const std::vector<Image>& images) {
  DDPM_ASSERT(!images.empty());
  const Image& first = images[0];
  NpyArray array;
  array.dtype = "|u1";
  array.shape = {static_cast<int64_t>(images.size()), first.height, first.width, first.channels};
  for (const Image& image : images) {
    DDPM_CHECK(image.height == first.height && image.width == first.width &&
                   image.channels == first.channels && image.bits == 8,
               "sample: the images of one .npz must have one size");
    for (const uint16_t sample : image.samples) array.bytes += static_cast<char>(sample);
  }
  return encode_npz("arr_0", array);
}

}  // namespace ddpm
