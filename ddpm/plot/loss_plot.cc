#include "ddpm/plot/loss_plot.h"

#include <cmath>
#include <cstdio>
#include <limits>

#include "ddpm/base/check.h"
#include "ddpm/formats/picture_mark.h"
#include "ddpm/plot/line_plot.h"

namespace ddpm {

namespace {

constexpr double kSmoothing = 0.9;
constexpr double kNone = std::numeric_limits<double>::quiet_NaN();
constexpr size_t kBinsShown[] = {0, 1, 4, 9};  // of ten: more lines could not be told apart

Panel loss_panel(const std::vector<double>& steps, const std::vector<double>& loss) {
  Panel panel;
  panel.title = "Training loss";
  panel.x_label = "step";
  panel.y_label = "mean squared error";
  panel.log_y = true;
  panel.series.push_back({"as logged", steps, loss, 0, 1.0, 0.4});
  panel.series.push_back({"smoothed", steps, smoothed(loss, kSmoothing), 0, 2.5, 1.0});
  return panel;
}

Panel bins_panel(const std::vector<double>& steps, const RunLog& log) {
  Panel panel;
  panel.title = "Loss by time t, smoothed";
  panel.x_label = "step";
  panel.y_label = "mean squared error";
  panel.log_y = true;
  int colour = 0;
  for (const size_t bin : kBinsShown) {
    std::vector<double> values;
    for (const MetricsRow& row : log.metrics) {
      values.push_back(bin < row.loss_by_t.size() ? row.loss_by_t[bin].value_or(kNone) : kNone);
    }
    char label[48];
    std::snprintf(label, sizeof(label), "t in (%.1f T, %.1f T]", 0.1 * static_cast<double>(bin),
                  0.1 * static_cast<double>(bin + 1));
    panel.series.push_back({label, steps, smoothed(values, kSmoothing), colour++, 2.0, 1.0});
  }
  return panel;
}

}  // namespace

std::vector<double> smoothed(const std::vector<double>& y, double a) {
  DDPM_CHECK(a >= 0.0 && a < 1.0, "smoothed: a must be in [0, 1), got ", a);
  std::vector<double> result;
  double mean = 0.0;
  double weight = 0.0;  // 1 - a^i
  for (const double value : y) {
    if (std::isfinite(value)) {
      mean = a * mean + (1.0 - a) * value;
      weight = a * weight + (1.0 - a);
    }
    result.push_back(weight > 0.0 ? mean / weight : kNone);
  }
  return result;
}

std::string loss_plot_png(const RunLog& log) {
  std::vector<double> steps;
  std::vector<double> loss;
  for (const MetricsRow& row : log.metrics) {
    steps.push_back(static_cast<double>(row.step));
    loss.push_back(row.loss.value_or(kNone));
  }
  return encode_picture(plot({loss_panel(steps, loss), bins_panel(steps, log)}));
}

}  // namespace ddpm
