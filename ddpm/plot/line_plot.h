// Plots of lines: axes with readable ticks, a legend, one panel or several.

#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "ddpm/formats/image.h"

namespace ddpm {

struct Series {
  std::string label;      // in the legend; "" leaves it out
  std::vector<double> x;  // as many as y
  // A point breaks the line if one of its numbers is beyond 1e100, is no number, or on a log axis
  // lies below 1e-100.
  std::vector<double> y;
  int colour = 0;      // of a palette of eight that colour-blind people can tell apart
  double width = 2.0;  // pixels
  double opacity = 1.0;
};

struct Panel {
  std::string title;
  std::string x_label;
  std::string y_label;
  bool log_y = false;
  std::vector<Series> series;
};

// The panels below each other, each width x height pixels. A panel without a point that can be
// drawn says so. Throws InvalidArgument if a series has more x than y or fewer, or if there is no
// panel.
Image plot(const std::vector<Panel>& panels, int64_t width = 960, int64_t height = 480);

// Positions in [low, high] for about `count` ticks: multiples of 1, 2 or 5 times a power of ten. A
// range of one point gets that point.
std::vector<double> linear_ticks(double low, double high, int64_t count);

// The powers of ten in [low, high], 0 < low <= high; where they are fewer than two, also their
// doubles and fives, and if these are fewer than two as well, linear_ticks.
std::vector<double> log_ticks(double low, double high);

// A tick's number as people write it: "0.05", "20,000", "1e-06".
std::string tick_text(double value);

}  // namespace ddpm
