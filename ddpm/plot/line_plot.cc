#include "ddpm/plot/line_plot.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <limits>

#include "ddpm/base/check.h"
#include "ddpm/plot/canvas_internal.h"

namespace ddpm {

namespace {

// Okabe and Ito 2008: colours that people with any colour vision tell apart.
constexpr std::array<Colour, 8> kPalette = {{{0.0, 0.447, 0.698},
                                             {0.835, 0.369, 0.0},
                                             {0.0, 0.620, 0.451},
                                             {0.800, 0.475, 0.655},
                                             {0.902, 0.624, 0.0},
                                             {0.337, 0.706, 0.914},
                                             {0.35, 0.35, 0.35},
                                             {0.941, 0.894, 0.259}}};
constexpr double kTitleSize = 16.0;
constexpr double kLabelSize = 13.0;
constexpr double kTickSize = 12.0;
constexpr double kTop = 44.0;
constexpr double kBottom = 56.0;
constexpr double kRight = 24.0;
constexpr double kMargin = 0.04;  // of the range, left free above and below

constexpr double kLargest = 1e100;  // sums, differences and margins of these stay finite

bool drawable(const Panel& panel, double x, double y) {
  return std::abs(x) <= kLargest && std::abs(y) <= kLargest &&
         (!panel.log_y || y >= 1.0 / kLargest);
}

struct Range {
  double low = std::numeric_limits<double>::infinity();
  double high = -std::numeric_limits<double>::infinity();

  void take(double value) {
    low = std::min(low, value);
    high = std::max(high, value);
  }
  bool empty() const { return !(low <= high); }
};

// One panel's place on the canvas and its way from numbers to pixels.
class Frame {
 public:
  Frame(Canvas& canvas, const Panel& panel, double top, double width, double height)
      : canvas_(canvas), panel_(panel) {
    for (const Series& series : panel.series) {
      for (size_t i = 0; i < series.x.size(); ++i) {
        if (!drawable(panel, series.x[i], series.y[i])) continue;
        x_.take(series.x[i]);
        y_.take(scaled(series.y[i]));
      }
    }
    empty_ = x_.empty();
    widen();
    top_ = top + kTop;
    bottom_ = top + height - kBottom;
    left_ = 40.0 + widest_tick();
    right_ = width - kRight;
  }

  void draw() {
    canvas_.text((left_ + right_) / 2, top_ - kTop / 2, panel_.title, kTitleSize, Align::kCentre,
                 kInk, true);
    draw_axes();
    if (empty_) {
      canvas_.text((left_ + right_) / 2, (top_ + bottom_) / 2, "no data yet", kLabelSize,
                   Align::kCentre);
      return;
    }
    canvas_.clip_box(left_, top_ - 2.0, right_ - left_, bottom_ - top_ + 4.0);
    for (const Series& series : panel_.series) draw_series(series);
    canvas_.unclip();
    draw_legend();
  }

 private:
  double scaled(double y) const { return panel_.log_y ? std::log10(y) : y; }

  // A range with room around it, whatever was found.
  void widen() {
    if (empty_) {
      x_ = {0.0, 1.0};
      y_ = {0.0, 1.0};
    }
    for (Range* range : {&x_, &y_}) {
      const double size = std::max(std::abs(range->low), std::abs(range->high));
      if (range->high - range->low > 1e-6 * size) continue;
      const double room = size == 0.0 ? 1.0 : size * 0.1;
      *range = {range->low - room, range->high + room};
    }
    const double room = (y_.high - y_.low) * kMargin;
    y_ = {y_.low - room, y_.high + room};
  }

  std::vector<double> y_ticks() const {
    if (empty_) return {};
    return panel_.log_y ? log_ticks(std::pow(10.0, y_.low), std::pow(10.0, y_.high))
                        : linear_ticks(y_.low, y_.high, 6);
  }

  double widest_tick() const {
    double widest = 0.0;
    for (const double tick : y_ticks()) {
      widest = std::max(widest, canvas_.text_width(tick_text(tick), kTickSize));
    }
    return widest;
  }

  double pixel_x(double x) const {
    return left_ + (x - x_.low) / (x_.high - x_.low) * (right_ - left_);
  }
  double pixel_y(double y) const {
    return bottom_ - (scaled(y) - y_.low) / (y_.high - y_.low) * (bottom_ - top_);
  }

  void draw_axes() {
    const auto x_ticks = empty_ ? std::vector<double>{} : linear_ticks(x_.low, x_.high, 8);
    for (const double tick : x_ticks) {
      const double x = std::round(pixel_x(tick)) + 0.5;
      canvas_.line(x, top_, x, bottom_, kFaint, 1.0);
      canvas_.text(x, bottom_ + 14.0, tick_text(tick), kTickSize, Align::kCentre);
    }
    for (const double tick : y_ticks()) {
      const double y = std::round(pixel_y(tick)) + 0.5;
      canvas_.line(left_, y, right_, y, kFaint, 1.0);
      canvas_.text(left_ - 8.0, y, tick_text(tick), kTickSize, Align::kRight);
    }
    canvas_.line(left_, top_, left_, bottom_, kInk, 1.0);
    canvas_.line(left_, bottom_, right_, bottom_, kInk, 1.0);
    canvas_.text((left_ + right_) / 2, bottom_ + 36.0, panel_.x_label, kLabelSize, Align::kCentre);
    canvas_.text(18.0, (top_ + bottom_) / 2, panel_.y_label, kLabelSize, Align::kCentre, kInk,
                 false, true);
  }

  void draw_series(const Series& series) {
    const Colour colour = kPalette[static_cast<size_t>(series.colour) % kPalette.size()];
    canvas_.begin();
    for (size_t i = 0; i < series.x.size(); ++i) {
      if (drawable(panel_, series.x[i], series.y[i])) {
        canvas_.to(pixel_x(series.x[i]), pixel_y(series.y[i]));
      } else {
        canvas_.stroke(colour, series.width, series.opacity);
        canvas_.begin();
      }
    }
    canvas_.stroke(colour, series.width, series.opacity);
  }

  struct Box {
    double left, top, width, height;
    bool holds(double x, double y) const {
      return x >= left && x <= left + width && y >= top && y <= top + height;
    }
  };

  int64_t points_in(const Box& box) const {
    int64_t count = 0;
    for (const Series& series : panel_.series) {
      for (size_t i = 0; i < series.x.size(); ++i) {
        if (!drawable(panel_, series.x[i], series.y[i])) continue;
        count += box.holds(pixel_x(series.x[i]), pixel_y(series.y[i])) ? 1 : 0;
      }
    }
    return count;
  }

  // The corner with the fewest points in it; the upper right one if others are no better.
  Box place_of(double width, double height) const {
    constexpr double kAway = 4.0;
    const double far_left = left_ + kAway;
    const double far_right = right_ - width - kAway;
    const double high = top_ + kAway;
    const double low = bottom_ - height - kAway;
    Box best{far_right, high, width, height};
    for (const Box& other : {Box{far_left, high, width, height}, Box{far_right, low, width, height},
                             Box{far_left, low, width, height}}) {
      if (points_in(other) < points_in(best)) best = other;
    }
    return best;
  }

  // In a corner, on white so that lines behind it do not disturb.
  void draw_legend() {
    std::vector<const Series*> named;
    double widest = 0.0;
    for (const Series& series : panel_.series) {
      if (series.label.empty()) continue;
      named.push_back(&series);
      widest = std::max(widest, canvas_.text_width(series.label, kTickSize));
    }
    if (named.empty()) return;
    constexpr double kRow = 18.0;
    const Box box = place_of(widest + 48.0, kRow * static_cast<double>(named.size()) + 8.0);
    canvas_.fill_box(box.left, box.top, box.width, box.height, kWhite);
    double y = box.top + 4.0 + kRow / 2;
    for (const Series* series : named) {
      const Colour colour = kPalette[static_cast<size_t>(series->colour) % kPalette.size()];
      canvas_.begin();
      canvas_.to(box.left + 8.0, y);
      canvas_.to(box.left + 32.0, y);
      canvas_.stroke(colour, series->width, series->opacity);
      canvas_.text(box.left + 40.0, y, series->label, kTickSize, Align::kLeft);
      y += kRow;
    }
  }

  Canvas& canvas_;
  const Panel& panel_;
  Range x_;
  Range y_;  // logarithms on a log axis
  bool empty_ = false;
  double top_ = 0.0;
  double bottom_ = 0.0;
  double left_ = 0.0;
  double right_ = 0.0;
};

}  // namespace

Image plot(const std::vector<Panel>& panels, int64_t width, int64_t height) {
  DDPM_CHECK(!panels.empty(), "plot: wanted at least one panel, got none");
  for (const Panel& panel : panels) {
    for (const Series& series : panel.series) {
      DDPM_CHECK(series.x.size() == series.y.size(), "plot: wanted as many x as y, got ",
                 series.x.size(), " and ", series.y.size());
    }
  }
  Canvas canvas(width, height * static_cast<int64_t>(panels.size()));
  double top = 0.0;
  for (const Panel& panel : panels) {
    Frame(canvas, panel, top, static_cast<double>(width), static_cast<double>(height)).draw();
    top += static_cast<double>(height);
  }
  return canvas.image();
}

}  // namespace ddpm
