#include "ddpm/jobs/mask.h"

#include <algorithm>
#include <filesystem>

#include "ddpm/base/check.h"
#include "ddpm/base/text.h"
#include "ddpm/data/source.h"
#include "ddpm/data/transform.h"

namespace ddpm {

namespace {

struct Box {
  int64_t x;
  int64_t y;
  int64_t width;
  int64_t height;
};

Box box_of_numbers(const std::string& who, const std::string& fill) {
  std::vector<int64_t> numbers;
  for (const std::string& word : split(fill, ',')) {
    const auto number = parse_int(word);
    if (number) numbers.push_back(*number);
  }
  DDPM_CHECK(
      numbers.size() == 4 && split(fill, ',').size() == 4, who, ": expected ", kFillForms,
      ", got '", fill, "'",
      did_you_mean(fill, std::vector<std::string>{"left", "right", "top", "bottom", "centre"}));
  return {numbers[0], numbers[1], numbers[2], numbers[3]};
}

Box box_of(const std::string& who, const std::string& fill, int64_t height, int64_t width) {
  const int64_t half_width = width / 2;
  const int64_t half_height = height / 2;
  if (fill == "left") return {0, 0, half_width, height};
  if (fill == "right") return {width - half_width, 0, half_width, height};
  if (fill == "top") return {0, 0, width, half_height};
  if (fill == "bottom") return {0, height - half_height, width, half_height};
  if (fill == "centre") return {width / 4, height / 4, half_width, half_height};
  return box_of_numbers(who, fill);
}

// The colours multiplied by alpha, and no alpha.
Image over_black(Image image) {
  if (image.channels != 2 && image.channels != 4) return image;
  const auto channels = static_cast<size_t>(image.channels);
  const uint32_t most = (1U << image.bits) - 1;
  Image result{image.height, image.width, image.channels - 1, image.bits, {}};
  for (size_t i = 0; i < image.samples.size(); i += channels) {
    const uint32_t alpha = image.samples[i + channels - 1];
    for (size_t c = 0; c + 1 < channels; ++c) {
      const uint64_t product = uint64_t{image.samples[i + c]} * alpha;
      result.samples.push_back(static_cast<uint16_t>((product + most / 2) / most));
    }
  }
  return result;
}

void check_mixed(const std::string& who, const std::vector<uint8_t>& known) {
  const auto count = std::count(known.begin(), known.end(), uint8_t{1});
  DDPM_CHECK(count > 0 && count < std::ssize(known), who,
             ": expected some pixels known and some to be filled in, got ", count, " of ",
             known.size(), " known");
}

}  // namespace

std::vector<uint8_t> mask_of_fill(const std::string& who, const std::string& fill, int64_t height,
                                  int64_t width) {
  const Box box = box_of(who, fill, height, width);
  // the differences cannot overflow where the sums could
  const bool inside = box.x >= 0 && box.y >= 0 && box.width >= 0 && box.height >= 0 &&
                      box.width <= width && box.height <= height && box.x <= width - box.width &&
                      box.y <= height - box.height;
  DDPM_CHECK(inside, who, ": expected a box within the image of ", width, " x ", height,
             " pixels, got ", fill);
  std::vector<uint8_t> known(static_cast<size_t>(height * width), 1);
  for (int64_t y = box.y; y < box.y + box.height; ++y) {
    std::fill_n(known.begin() + y * width + box.x, box.width, uint8_t{0});
  }
  check_mixed(who, known);
  return known;
}

std::vector<uint8_t> mask_of_file(const std::string& who, const std::string& file, int64_t height,
                                  int64_t width) {
  DDPM_CHECK(std::filesystem::is_regular_file(file), who, ": expected an image file, got ", file);
  DataOptions options;
  options.spec = file;
  const Source source = open_source(options);
  DDPM_CHECK(source.count() == 1, who, ": expected one image, got ", source.count(), " of ", file);
  // where an eraser tool has left a transparent hole, black below it: not the white of its colour
  const Image image = convert_channels(over_black(source.decode(0)), 1);
  DDPM_CHECK(image.height == height && image.width == width, who, ": expected a mask of ", height,
             "x", width, " pixels, got ", image.height, "x", image.width, " of ", file);
  const int64_t middle = int64_t{1} << (image.bits - 1);
  std::vector<uint8_t> known;
  for (const uint16_t sample : image.samples) known.push_back(sample >= middle ? 1 : 0);
  check_mixed(who, known);
  return known;
}

}  // namespace ddpm
