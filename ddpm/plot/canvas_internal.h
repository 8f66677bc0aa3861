// Drawing with cairo: a white picture that becomes an Image.

#pragma once

#include <cstdint>
#include <string>

#include "ddpm/formats/image.h"

struct _cairo;          // NOLINT(bugprone-reserved-identifier): cairo's own names
struct _cairo_surface;  // NOLINT(bugprone-reserved-identifier)

namespace ddpm {

// Red, green, blue, each in [0, 1].
struct Colour {
  double red;
  double green;
  double blue;
};

inline constexpr Colour kWhite{1.0, 1.0, 1.0};
inline constexpr Colour kInk{0.13, 0.13, 0.13};
inline constexpr Colour kFaint{0.85, 0.85, 0.85};

enum class Align { kLeft, kCentre, kRight };

// Coordinates are pixels from the top left corner.
class Canvas {
 public:
  Canvas(int64_t width, int64_t height, Colour background = kWhite);
  ~Canvas();
  Canvas(const Canvas&) = delete;
  Canvas& operator=(const Canvas&) = delete;

  void line(double x0, double y0, double x1, double y1, Colour colour, double width);

  // A path: begin(), then to() for each point, then stroke().
  void begin();
  void to(double x, double y);
  void stroke(Colour colour, double width, double opacity = 1.0);

  void fill_box(double x, double y, double width, double height, Colour colour);
  void clip_box(double x, double y, double width, double height);  // until unclip()
  void unclip();

  // Sans serif; `y` is the middle of the letters' height. `up` turns it to read from below.
  void text(double x, double y, const std::string& words, double size, Align align,
            Colour colour = kInk, bool bold = false, bool up = false);
  double text_width(const std::string& words, double size, bool bold = false);

  // Copies an image of 8 or 16 bits to (x, y), each of its pixels scale x scale large; alpha over
  // white.
  void paste(const Image& image, int64_t x, int64_t y, int64_t scale);

  Image image() const;  // 8 bits, RGB

 private:
  void use_font(double size, bool bold);

  int64_t width_;
  int64_t height_;
  _cairo_surface* surface_;
  _cairo* cairo_;
};

}  // namespace ddpm
