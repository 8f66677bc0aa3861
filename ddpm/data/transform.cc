#include "ddpm/data/transform.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <utility>
#include <vector>

#include "ddpm/base/check.h"
#include "ddpm/base/text.h"

namespace ddpm {
namespace {

// The sample in [0, most] that is nearest to a number in [-1, 1].
double nearest_sample(float unit, double most) {
  DDPM_CHECK(std::isfinite(unit), "to_image: wanted finite numbers, got ", unit);
  const double value = (static_cast<double>(unit) + 1.0) * (most / 2.0);
  return std::floor(std::clamp(value, 0.0, most) + 0.5);
}

// The sample at or below a number, in float32.
uint8_t truncated_byte(float unit) {
  DDPM_CHECK(std::isfinite(unit), "to_image: wanted finite numbers, got ", unit);
  return static_cast<uint8_t>(std::clamp((unit + 1.0F) * 127.5F, 0.0F, 255.0F));
}

uint32_t most_sample(const Image& image) { return (1U << image.bits) - 1; }

bool has_alpha(int64_t channels) { return channels == 2 || channels == 4; }

// How one side of the image becomes one side of the result: it is scaled from `in` to `scaled`
// pixels, of which pixel o + shift becomes pixel o of `out`; where there is none, it is 0.
struct Axis {
  int64_t in;
  int64_t scaled;
  int64_t out;

  int64_t shift() const { return (scaled - out) / 2; }
};

// The input pixels first, first + 1, .. that make up one output pixel, and their weights, of sum 1.
struct Taps {
  int64_t first = 0;
  std::vector<double> weights;  // none: black
};

Taps taps_of(const Axis& axis, int64_t o) {
  const int64_t s = o + axis.shift();
  if (s < 0 || s >= axis.scaled) return {};
  const double scale = static_cast<double>(axis.in) / static_cast<double>(axis.scaled);
  const double support = std::max(scale, 1.0);  // half the width of the triangle
  const double centre = (static_cast<double>(s) + 0.5) * scale;
  Taps taps;
  taps.first = std::max<int64_t>(0, static_cast<int64_t>(std::floor(centre - support)));
  const auto end = std::min(axis.in, static_cast<int64_t>(std::ceil(centre + support)));
  double sum = 0.0;
  for (int64_t i = taps.first; i < end; ++i) {
    const double distance = std::abs(static_cast<double>(i) + 0.5 - centre);
    taps.weights.push_back(std::max(0.0, 1.0 - distance / support));
    sum += taps.weights.back();
  }
  for (double& weight : taps.weights) weight /= sum;
  return taps;
}

// Resamples the middle index of an array [outer, axis.in, inner], whose values `value` gives, to
// [outer, axis.out, inner].
template <typename Value>
std::vector<double> resample(int64_t outer, const Axis& axis, int64_t inner, const Value& value) {
  std::vector<double> out(static_cast<size_t>(outer * axis.out * inner), 0.0);
  for (int64_t o = 0; o < axis.out; ++o) {
    const Taps taps = taps_of(axis, o);
    for (int64_t a = 0; a < outer; ++a) {
      double* row = out.data() + (a * axis.out + o) * inner;
      for (size_t k = 0; k < taps.weights.size(); ++k) {
        const int64_t from = (a * axis.in + taps.first + static_cast<int64_t>(k)) * inner;
        for (int64_t b = 0; b < inner; ++b) row[b] += taps.weights[k] * value(from + b);
      }
    }
  }
  return out;
}

// Both sides, in the order that makes less in between: for an image of one row and a hundred
// million columns that is the difference between a kilobyte and more memory than there is.
template <typename Value>
std::vector<double> resample(const Axis& y, const Axis& x, int64_t channels, const Value& value) {
  if (y.in * x.out <= y.out * x.in) {
    const auto rows = resample(y.in, x, channels, value);
    return resample(1, y, x.out * channels,
                    [&](int64_t i) { return rows[static_cast<size_t>(i)]; });
  }
  const auto columns = resample(1, y, x.in * channels, value);
  return resample(y.out, x, channels, [&](int64_t i) { return columns[static_cast<size_t>(i)]; });
}

// [y.out, x.out, channels], colours multiplied by alpha / most.
std::vector<double> resample_image(const Image& image, const Axis& y, const Axis& x) {
  const int64_t channels = image.channels;
  const auto plain = [&](int64_t i) {
    return static_cast<double>(image.samples[static_cast<size_t>(i)]);
  };
  if (!has_alpha(channels)) return resample(y, x, channels, plain);
  const double most = most_sample(image);
  return resample(y, x, channels, [&](int64_t i) {
    const int64_t alpha = i - i % channels + channels - 1;
    return i == alpha ? plain(i) : plain(i) * (plain(alpha) / most);
  });
}

// The samples nearest to the values, colours divided by alpha / most again.
void round_into(std::vector<double> values, Image& image) {
  const double most = most_sample(image);
  const auto channels = static_cast<size_t>(image.channels);
  if (has_alpha(image.channels)) {
    for (size_t i = 0; i < values.size(); ++i) {
      const double alpha = values[i - i % channels + channels - 1];
      if (i % channels != channels - 1) values[i] = alpha > 0.0 ? values[i] * (most / alpha) : 0.0;
    }
  }
  image.samples.resize(values.size());
  for (size_t i = 0; i < values.size(); ++i) {
    image.samples[i] = static_cast<uint16_t>(std::floor(std::clamp(values[i], 0.0, most) + 0.5));
  }
}

int64_t scaled_side(int64_t side, double factor) {
  return std::max<int64_t>(1, std::llround(static_cast<double>(side) * factor));
}

// The two axes, y first.
std::pair<Axis, Axis> plan_fit(const Image& image, int64_t height, int64_t width, Fit fit) {
  Axis y{image.height, height, height};
  Axis x{image.width, width, width};
  const double for_height = static_cast<double>(height) / static_cast<double>(image.height);
  const double for_width = static_cast<double>(width) / static_cast<double>(image.width);
  switch (fit) {
    case Fit::kStretch:
      return {y, x};
    case Fit::kCrop: {
      const double factor = std::max(for_height, for_width);
      y.scaled = std::max(height, scaled_side(image.height, factor));
      x.scaled = std::max(width, scaled_side(image.width, factor));
      return {y, x};
    }
    case Fit::kPad: {
      const double factor = std::min({1.0, for_height, for_width});
      y.scaled = std::min(height, scaled_side(image.height, factor));
      x.scaled = std::min(width, scaled_side(image.width, factor));
      return {y, x};
    }
    case Fit::kNone:
      break;
  }
  DDPM_ASSERT(false);
}

uint16_t over_white(uint32_t colour, uint32_t alpha, uint32_t most) {
  const uint64_t sum = uint64_t{colour} * alpha + uint64_t{most} * (most - alpha);
  return static_cast<uint16_t>((sum + most / 2) / most);
}

uint16_t luma(uint32_t red, uint32_t green, uint32_t blue) {
  return static_cast<uint16_t>((299 * red + 587 * green + 114 * blue + 500) / 1000);
}

// One pixel of `from` channels to one of `to`.
void convert_pixel(const uint16_t* in, int64_t from, uint16_t* out, int64_t to, uint32_t most) {
  std::array<uint16_t, 4> rgba = {in[0], in[0], in[0], static_cast<uint16_t>(most)};
  if (from >= 3) std::copy_n(in, 3, rgba.begin());
  if (has_alpha(from)) rgba[3] = in[from - 1];
  if (to != 4 && rgba[3] != most) {
    for (size_t c = 0; c < 3; ++c) rgba[c] = over_white(rgba[c], rgba[3], most);
  }
  if (to == 1 && from >= 3) rgba[0] = luma(rgba[0], rgba[1], rgba[2]);
  std::copy_n(rgba.begin(), to, out);
}

}  // namespace

uint8_t unit_to_byte(float unit) { return static_cast<uint8_t>(nearest_sample(unit, 255.0)); }

uint16_t unit_to_word(float unit) { return static_cast<uint16_t>(nearest_sample(unit, 65535.0)); }

Image to_image(std::span<const float> chw, int64_t channels, int64_t height, int64_t width,
               Rounding rounding) {
  DDPM_CHECK(channels >= 1 && channels <= 4 && height >= 0 && width >= 0 &&
                 chw.size() == static_cast<size_t>(channels * height * width),
             "to_image: wanted numbers for ", channels, " x ", height, " x ", width,
             " pixels of 1 to 4 channels, got ", chw.size());
  Image image{height, width, channels, 8, std::vector<uint16_t>(chw.size())};
  size_t next = 0;
  for (int64_t c = 0; c < channels; ++c) {
    for (int64_t y = 0; y < height; ++y) {
      for (int64_t x = 0; x < width; ++x) {
        const float unit = chw[next++];
        image.at(y, x, c) =
            rounding == Rounding::kNearest ? unit_to_byte(unit) : truncated_byte(unit);
      }
    }
  }
  return image;
}

std::string name_of(Fit fit) { return name_of(kFits, fit); }

Fit fit_from(std::string_view name) {
  for (const Named<Fit>& row : kFits) {
    if (row.name == name) return row.value;
  }
  const std::vector<std::string> names = names_of(kFits);
  throw InvalidArgument(
      concat("fit: wanted ", join(names, ", "), ", got '", name, "'", did_you_mean(name, names)));
}

Image fit_image(Image image, int64_t height, int64_t width, Fit fit) {
  DDPM_CHECK(height >= 1 && width >= 1 && image.height >= 1 && image.width >= 1,
             "fit_image: wanted sizes of at least 1x1, got ", image.height, "x", image.width,
             " to ", height, "x", width);
  if (image.height == height && image.width == width) return image;
  DDPM_CHECK(fit != Fit::kNone, "image: wanted ", height, "x", width, " pixels, got ", image.height,
             "x", image.width, "; --fit crop, pad or stretch makes it so");
  const auto [y, x] = plan_fit(image, height, width, fit);
  Image result{height, width, image.channels, image.bits, {}};
  round_into(resample_image(image, y, x), result);
  return result;
}

Image convert_channels(Image image, int64_t channels) {
  DDPM_CHECK(channels == 1 || channels == 3 || channels == 4, "channels: wanted 1, 3 or 4, got ",
             channels);
  if (image.channels == channels) return image;
  const int64_t pixels = image.height * image.width;
  Image result{image.height, image.width, channels, image.bits, {}};
  result.samples.resize(static_cast<size_t>(pixels * channels));
  for (int64_t i = 0; i < pixels; ++i) {
    convert_pixel(image.samples.data() + i * image.channels, image.channels,
                  result.samples.data() + i * channels, channels, most_sample(image));
  }
  return result;
}

std::string channels_name(int64_t channels) {
  static constexpr std::array<const char*, 4> kNames = {"gray", "gray and alpha", "RGB", "RGBA"};
  DDPM_CHECK(channels >= 1 && channels <= 4, "channels: wanted 1 to 4, got ", channels);
  return kNames[static_cast<size_t>(channels - 1)];
}

bool is_gray(const Image& image) {
  if (image.channels < 3) return true;
  const auto channels = static_cast<size_t>(image.channels);
  for (size_t i = 0; i < image.samples.size(); i += channels) {
    const uint16_t* pixel = image.samples.data() + i;
    const bool visible = channels == 3 || pixel[3] > 0;
    if (visible && (pixel[0] != pixel[1] || pixel[0] != pixel[2])) return false;
  }
  return true;
}

double missing_opacity(const Image& image) {
  if (!has_alpha(image.channels)) return 0.0;
  const auto channels = static_cast<size_t>(image.channels);
  const uint32_t most = most_sample(image);
  uint64_t missing = 0;  // at most kMaxPixels * 65535 < 2^43
  for (size_t i = channels - 1; i < image.samples.size(); i += channels) {
    missing += most - image.samples[i];
  }
  return static_cast<double>(missing) / most;
}

}  // namespace ddpm
