#include "ddpm/plot/image_grid.h"

#include <algorithm>
#include <cmath>

#include "ddpm/base/check.h"
#include "ddpm/plot/canvas_internal.h"

namespace ddpm {

namespace {

constexpr double kFontSize = 13.0;
constexpr int64_t kLine = 22;          // pixels of a line of labels
constexpr int64_t kPleasantSide = 64;  // small images are enlarged to about so many pixels
constexpr int64_t kLargestScale = 8;

struct Layout {
  int64_t columns;
  int64_t rows;
  int64_t cell_width;
  int64_t cell_height;
  int64_t left;  // where the first image begins
  int64_t top;
  int64_t width;  // of the whole picture
  int64_t height;
};

int64_t label_width(const std::vector<std::string>& labels) {
  Canvas ruler(1, 1);
  double widest = 0.0;
  for (const std::string& label : labels) {
    widest = std::max(widest, ruler.text_width(label, kFontSize));
  }
  return static_cast<int64_t>(std::ceil(widest));
}

Layout layout_of(std::span<const Image> images, const GridOptions& options) {
  const auto count = std::ssize(images);
  Layout layout{};
  layout.columns = options.columns > 0
                       ? options.columns
                       : static_cast<int64_t>(std::ceil(std::sqrt(static_cast<double>(count))));
  layout.rows = (count + layout.columns - 1) / layout.columns;
  layout.cell_width = images[0].width * options.scale + options.gap;
  for (const auto& labels : {options.column_labels, options.column_notes}) {
    // labels that are wider than an image push the columns apart
    if (!labels.empty()) layout.cell_width = std::max(layout.cell_width, label_width(labels) + 8);
  }
  layout.cell_height = images[0].height * options.scale + options.gap;
  layout.left = options.gap;
  if (!options.row_labels.empty()) layout.left += label_width(options.row_labels) + 12;
  layout.top = options.gap + (options.column_labels.empty() ? 0 : kLine);
  layout.width = layout.left + layout.columns * layout.cell_width;
  layout.height = layout.top + layout.rows * layout.cell_height;
  if (!options.column_notes.empty()) layout.height += kLine;
  if (!options.caption.empty()) {
    layout.height += kLine;
    layout.width = std::max(layout.width, label_width({options.caption}) + 2 * options.gap);
  }
  return layout;
}

void check_options(std::span<const Image> images, const GridOptions& options) {
  DDPM_CHECK(!images.empty(), "grid: wanted at least one image, got none");
  DDPM_CHECK(options.columns >= 0 && options.gap >= 0 && options.scale >= 1,
             "grid: columns and gap must be at least 0 and scale at least 1");
  for (const Image& image : images) {
    DDPM_CHECK(image.height == images[0].height && image.width == images[0].width,
               "grid: wanted images of one size, got ", images[0].height, "x", images[0].width,
               " and ", image.height, "x", image.width);
  }
}

void draw_labels(Canvas& canvas, const Layout& layout, const GridOptions& options,
                 double image_width, double image_height) {
  const auto bottom = static_cast<double>(layout.top + layout.rows * layout.cell_height);
  const auto draw_row = [&](const std::vector<std::string>& labels, double y) {
    for (size_t i = 0; i < labels.size(); ++i) {
      const auto x = static_cast<double>(layout.left + static_cast<int64_t>(i) * layout.cell_width);
      canvas.text(x + image_width / 2, y, labels[i], kFontSize, Align::kCentre);
    }
  };
  draw_row(options.column_labels, static_cast<double>(layout.top) - kLine / 2.0 - 1.0);
  draw_row(options.column_notes, bottom + kLine / 2.0 - 1.0);
  for (size_t i = 0; i < options.row_labels.size(); ++i) {
    const auto y = static_cast<double>(layout.top + static_cast<int64_t>(i) * layout.cell_height);
    canvas.text(static_cast<double>(layout.left) - 8.0, y + image_height / 2, options.row_labels[i],
                kFontSize, Align::kRight);
  }
  if (!options.caption.empty()) {
    canvas.text(static_cast<double>(layout.width) / 2,
                static_cast<double>(layout.height) - kLine / 2.0, options.caption, kFontSize,
                Align::kCentre);
  }
}

}  // namespace

GridOptions grid_options_for(const Image& image) {
  GridOptions options;
  const int64_t side = std::max<int64_t>(1, std::max(image.height, image.width));
  options.scale = std::clamp(kPleasantSide / side, int64_t{1}, kLargestScale);
  return options;
}

Image image_grid(std::span<const Image> images, const GridOptions& options) {
  check_options(images, options);
  const Layout layout = layout_of(images, options);
  const auto fits = [](size_t labels, int64_t wanted) {
    return labels == 0 || static_cast<int64_t>(labels) == wanted;
  };
  DDPM_CHECK(fits(options.column_labels.size(), layout.columns) &&
                 fits(options.column_notes.size(), layout.columns) &&
                 fits(options.row_labels.size(), layout.rows),
             "grid: wanted a label for each of ", layout.columns, " columns and ", layout.rows,
             " rows, got ", options.column_labels.size(), ", ", options.column_notes.size(),
             " and ", options.row_labels.size());
  Canvas canvas(layout.width, layout.height);
  for (int64_t i = 0; i < std::ssize(images); ++i) {
    canvas.paste(images[static_cast<size_t>(i)],
                 layout.left + i % layout.columns * layout.cell_width,
                 layout.top + i / layout.columns * layout.cell_height, options.scale);
  }
  draw_labels(canvas, layout, options, static_cast<double>(images[0].width * options.scale),
              static_cast<double>(images[0].height * options.scale));
  return canvas.image();
}

}  // namespace ddpm
