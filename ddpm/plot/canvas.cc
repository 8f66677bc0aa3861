#include <cairo.h>

#include <cmath>

#include "ddpm/base/check.h"
#include "ddpm/plot/canvas_internal.h"

namespace ddpm {

namespace {

constexpr int64_t kLargestSide = 32767;  // cairo's own limit

// A sample as a byte.
int byte_of(const Image& image, int64_t y, int64_t x, int64_t c) {
  const int sample = image.at(y, x, c);
  return image.bits == 8 ? sample : (sample + 128) / 257;
}

// The colour of a pixel over white, packed as cairo wants it.
uint32_t packed_pixel(const Image& image, int64_t y, int64_t x) {
  const bool colour = image.channels >= 3;
  const bool alpha = image.channels == 2 || image.channels == 4;
  const int a = alpha ? byte_of(image, y, x, image.channels - 1) : 255;
  uint32_t packed = 0;
  for (int64_t c = 0; c < 3; ++c) {
    const int value = byte_of(image, y, x, colour ? c : 0);
    packed = packed << 8 | static_cast<uint32_t>((value * a + 255 * (255 - a) + 127) / 255);
  }
  return packed;
}

}  // namespace

Canvas::Canvas(int64_t width, int64_t height, Colour background) : width_(width), height_(height) {
  DDPM_CHECK(width > 0 && height > 0 && width <= kLargestSide && height <= kLargestSide,
             "picture: wanted sides in [1, ", kLargestSide, "], got ", width, " and ", height);
  surface_ = cairo_image_surface_create(CAIRO_FORMAT_RGB24, static_cast<int>(width),
                                        static_cast<int>(height));
  if (cairo_surface_status(surface_) != CAIRO_STATUS_SUCCESS) {
    cairo_surface_destroy(surface_);
    throw std::bad_alloc();
  }
  cairo_ = cairo_create(surface_);
  cairo_set_line_join(cairo_, CAIRO_LINE_JOIN_ROUND);
  fill_box(0, 0, static_cast<double>(width), static_cast<double>(height), background);
}

Canvas::~Canvas() {
  cairo_destroy(cairo_);
  cairo_surface_destroy(surface_);
}

void Canvas::line(double x0, double y0, double x1, double y1, Colour colour, double width) {
  begin();
  to(x0, y0);
  to(x1, y1);
  stroke(colour, width);
}

void Canvas::begin() { cairo_new_path(cairo_); }

void Canvas::to(double x, double y) { cairo_line_to(cairo_, x, y); }

void Canvas::stroke(Colour colour, double width, double opacity) {
  cairo_set_source_rgba(cairo_, colour.red, colour.green, colour.blue, opacity);
  cairo_set_line_width(cairo_, width);
  cairo_stroke(cairo_);
}

void Canvas::fill_box(double x, double y, double width, double height, Colour colour) {
  cairo_rectangle(cairo_, x, y, width, height);
  cairo_set_source_rgb(cairo_, colour.red, colour.green, colour.blue);
  cairo_fill(cairo_);
}

void Canvas::clip_box(double x, double y, double width, double height) {
  cairo_save(cairo_);
  cairo_rectangle(cairo_, x, y, width, height);
  cairo_clip(cairo_);
}

void Canvas::unclip() { cairo_restore(cairo_); }

void Canvas::use_font(double size, bool bold) {
  cairo_select_font_face(cairo_, "sans", CAIRO_FONT_SLANT_NORMAL,
                         bold ? CAIRO_FONT_WEIGHT_BOLD : CAIRO_FONT_WEIGHT_NORMAL);
  cairo_set_font_size(cairo_, size);
}

double Canvas::text_width(const std::string& words, double size, bool bold) {
  use_font(size, bold);
  cairo_text_extents_t extents;
  cairo_text_extents(cairo_, words.c_str(), &extents);
  return extents.x_advance;
}

void Canvas::text(double x, double y, const std::string& words, double size, Align align,
                  Colour colour, bool bold, bool up) {
  const double length = text_width(words, size, bold);
  const double before = align == Align::kLeft ? 0.0 : align == Align::kCentre ? length / 2 : length;
  constexpr double kHalfCapital = 0.36;  // of the size: half the height of a capital letter
  cairo_save(cairo_);
  cairo_translate(cairo_, x, y);
  if (up) cairo_rotate(cairo_, -std::acos(0.0));
  cairo_move_to(cairo_, -before, size * kHalfCapital);
  cairo_set_source_rgb(cairo_, colour.red, colour.green, colour.blue);
  cairo_show_text(cairo_, words.c_str());
  cairo_restore(cairo_);
}

void Canvas::paste(const Image& image, int64_t x, int64_t y, int64_t scale) {
  DDPM_ASSERT(x >= 0 && y >= 0 && x + image.width * scale <= width_ &&
              y + image.height * scale <= height_);
  cairo_surface_flush(surface_);
  unsigned char* data = cairo_image_surface_get_data(surface_);
  const int64_t stride = cairo_image_surface_get_stride(surface_);
  for (int64_t row = 0; row < image.height * scale; ++row) {
    auto* out = reinterpret_cast<uint32_t*>(data + (y + row) * stride);
    for (int64_t column = 0; column < image.width * scale; ++column) {
      out[x + column] = packed_pixel(image, row / scale, column / scale);
    }
  }
  cairo_surface_mark_dirty(surface_);
}

Image Canvas::image() const {
  cairo_surface_flush(surface_);
  const unsigned char* data = cairo_image_surface_get_data(surface_);
  const int64_t stride = cairo_image_surface_get_stride(surface_);
  Image image{height_, width_, 3, 8, {}};
  image.samples.reserve(static_cast<size_t>(height_ * width_ * 3));
  for (int64_t y = 0; y < height_; ++y) {
    const auto* row = reinterpret_cast<const uint32_t*>(data + y * stride);
    for (int64_t x = 0; x < width_; ++x) {
      for (const int shift : {16, 8, 0}) {
        image.samples.push_back(static_cast<uint16_t>(row[x] >> shift & 0xff));
      }
    }
  }
  return image;
}

}  // namespace ddpm
