#include "ddpm/evaluation/bound_report.h"

#include <algorithm>
#include <cstdio>
#include <nlohmann/json.hpp>

#include "ddpm/base/text.h"

namespace ddpm {

namespace {

constexpr int64_t kTenths = 10;

// printf with one number.
std::string formatted(const char* format, double value) {
  char text[64];
  std::snprintf(text, sizeof(text), format, value);
  return text;
}

std::string cell(const std::optional<double>& value) {
  return value ? shortest(*value) : std::string();
}

void add_cells(const Estimate& estimate, std::vector<std::string>& cells) {
  cells.push_back(shortest(estimate.mean));
  cells.push_back(cell(estimate.images_error));
  cells.push_back(cell(estimate.noise_error));
}

// A line over the rows.
template <typename X, typename Y>
Series series_of(const BoundSummary& summary, int colour, X x, Y y) {
  Series series;
  series.colour = colour;
  for (const BoundRow& row : summary.rows) {
    series.x.push_back(x(row));
    series.y.push_back(y(row));
  }
  return series;
}

// A stratum of several steps is shown at its middle.
double time_of(const BoundRow& row) {
  return 0.5 * static_cast<double>(row.steps > 1 ? row.t + row.s + 1 : 2 * row.t);
}

}  // namespace

std::string estimate_text(const Estimate& estimate) {
  std::string text = formatted("%.6g", estimate.mean);
  if (estimate.images_error) text += " +- " + formatted("%.2g", *estimate.images_error);
  if (estimate.noise_error) text += " (noise " + formatted("%.2g", *estimate.noise_error) + ")";
  return text;
}

Json estimate_json(const Estimate& estimate) {
  Json json = {{"bits", estimate.mean}, {"images_error", nullptr}, {"noise_error", nullptr}};
  if (estimate.images_error) json["images_error"] = *estimate.images_error;
  if (estimate.noise_error) json["noise_error"] = *estimate.noise_error;
  return json;
}

std::string bound_text(const BoundSummary& summary) {
  return "L_T                " + estimate_text(summary.prior) + "\nsum of L_{t-1}     " +
         estimate_text(summary.steps) + "\nL_0                " + estimate_text(summary.last) +
         "\nbound              " + estimate_text(summary.total) + " bits per dimension\n";
}

std::string bound_csv(const BoundSummary& summary) {
  std::string text =
      "t,s,steps,term_bits,term_error,term_noise_error,mse,mse_error,mse_noise_error,"
      "rate_bits,rate_error,rate_noise_error,distortion,distortion_error\n";
  for (const BoundRow& row : summary.rows) {
    std::vector<std::string> cells = {std::to_string(row.t), std::to_string(row.s),
                                      std::to_string(row.steps)};
    for (const Estimate& estimate : {row.term, row.squared, row.rate}) add_cells(estimate, cells);
    cells.push_back(shortest(row.distortion()));
    cells.push_back(cell(row.distortion_error()));
    text += csv_line(cells);
  }
  return text;
}

Json bound_json(const BoundSummary& summary) {
  return {{"prior", estimate_json(summary.prior)},
          {"steps", estimate_json(summary.steps)},
          {"last", estimate_json(summary.last)},
          {"total", estimate_json(summary.total)},
          {"images", summary.images},
          {"draws", summary.draws},
          {"evaluated", summary.evaluated},
          {"parts", summary.parts}};
}

std::vector<Panel> bound_panels(const BoundSummary& summary) {
  Panel terms{.title = "the terms of the bound: L_{t-1}, and L_0 at the smallest t",
              .x_label = "t",
              .y_label = "bits per dimension, of one step",
              .log_y = true,
              .series = {}};
  terms.series.push_back(
      series_of(summary, 0, time_of, [](const BoundRow& row) { return row.term.mean; }));
  Panel errors{.title = "how far off the x_0 is that is predicted from x_t",
               .x_label = "t",
               .y_label = "mean square, x_0 in [-1, 1]",
               .log_y = true,
               .series = {}};
  errors.series.push_back(
      series_of(summary, 1, time_of, [](const BoundRow& row) { return row.squared.mean; }));
  return {terms, errors};
}

std::vector<Panel> rate_distortion_panels(const BoundSummary& summary) {
  const auto rate = [](const BoundRow& row) { return row.rate.mean; };
  const auto distortion = [](const BoundRow& row) { return row.distortion(); };
  const std::string bits = "rate, bits per dimension";
  const std::string bytes = "distortion, RMSE in [0, 255]";
  return {{.title = "what has been sent when x_t is known",
           .x_label = "t",
           .y_label = bits,
           .log_y = false,
           .series = {series_of(summary, 0, time_of, rate)}},
          {.title = "how far off the x_0 is that is predicted from x_t",
           .x_label = "t",
           .y_label = bytes,
           .log_y = false,
           .series = {series_of(summary, 1, time_of, distortion)}},
          {.title = "rate and distortion",
           .x_label = bits,
           .y_label = bytes,
           .log_y = false,
           .series = {series_of(summary, 2, rate, distortion)}}};
}

std::vector<BoundRow> tenths(const BoundSummary& summary) {
  std::vector<BoundRow> chosen;
  const int64_t rows = std::ssize(summary.rows);
  int64_t before = -1;
  for (int64_t i = 0; i < kTenths; ++i) {
    const int64_t from_below = rows * i / kTenths;
    if (from_below == before) continue;
    before = from_below;
    chosen.push_back(summary.rows[static_cast<size_t>(rows - 1 - from_below)]);
  }
  return chosen;
}

std::string rate_distortion_text(const BoundSummary& summary) {
  std::string text = "       t     rate, bits per dimension     distortion, RMSE in [0, 255]\n";
  char line[160];
  for (const BoundRow& row : tenths(summary)) {
    const auto error = row.distortion_error();
    const auto rate_error = row.rate.images_error;
    std::snprintf(line, sizeof(line), "%8lld     %10.5f%-14s     %10.5f%s\n",
                  static_cast<long long>(row.t), row.rate.mean,
                  rate_error ? (" +- " + formatted("%.2g", *rate_error)).c_str() : "",
                  row.distortion(), error ? (" +- " + formatted("%.2g", *error)).c_str() : "");
    text += line;
  }
  return text;
}

}  // namespace ddpm
