#include "ddpm/jobs/evaluate_bound.h"

#include <algorithm>
#include <cmath>
#include <filesystem>
#include <nlohmann/json.hpp>
#include <set>

#include "ddpm/base/check.h"
#include "ddpm/base/file.h"
#include "ddpm/base/text.h"
#include "ddpm/evaluation/bound_report.h"
#include "ddpm/evaluation/progressive_coding.h"
#include "ddpm/formats/picture_mark.h"
#include "ddpm/jobs/picture.h"
#include "ddpm/plot/image_grid.h"
#include "ddpm/plot/line_plot.h"

namespace ddpm {

namespace {

namespace fs = std::filesystem;

constexpr int64_t kNumbersOfATerm = 2;  // its nats, and the squared error
constexpr const char* kTermsFile = "bound.safetensors";

struct BoundJob {
  Model model;
  EvaluationImages images;
  BoundEvaluator evaluator;
  Json job;
};

BoundOptions options_of(const std::string& command, const BoundRequest& request,
                        const Model& model) {
  BoundOptions options;
  try {
    options.plan = bound_plan_from(request.times, model.config.schedule.T);
  } catch (const InvalidArgument& error) {
    throw InvalidArgument(concat(command, ": ", error.what()));
  }
  options.draws = request.draws;
  options.variance = request.variance.value_or(model.config.variance);
  options.clip_x0 = request.clip_x0;
  options.cdf = request.cdf;
  options.seed = static_cast<uint64_t>(request.common.seed);
  return options;
}

BoundJob open_job(const std::string& command, const BoundRequest& request, const TorchHooks& hooks,
                  const Watch& watch) {
  const Model model = open_model(command, request.common.model, hooks, watch);
  const BoundOptions options = options_of(command, request, model);
  const EvaluationImages images = open_images(command, request.common, model, watch);
  Json job = job_of(request.common, model, images);
  job["kind"] = "bound";
  job["times"] = request.times;
  job["draws"] = request.draws;
  job["variance"] = to_string(options.variance);
  job["clip"] = options.clip_x0;
  job["cdf"] = to_string(options.cdf);
  return {model, images, BoundEvaluator(model.predictor, options), job};
}

std::string times_text(const BoundPlan& plan) {
  if (plan.is_sampled()) {
    return concat(plan.strata.size(), " of ", plan.steps(), " steps, drawn in strata");
  }
  return concat(plan.steps(), " steps");
}

// What is computed, for people.
std::string about(const BoundRequest& request, const BoundJob& job) {
  const BoundOptions& options = job.evaluator.options();
  return concat(describe(job.model, request.common.model),
                "\nprotocol: ", protocol_text(request.common, job.model, job.images), ", ",
                options.draws, options.draws == 1 ? " draw of x_t, " : " draws of x_t, ",
                times_text(options.plan), ", x_0 ", options.clip_x0 ? "clipped" : "not clipped",
                ", variance ", to_string(options.variance), ", cdf ", to_string(options.cdf));
}

// Evaluates what is missing.
BoundSummary evaluate(const BoundRequest& request, const BoundJob& job, const Watch& watch,
                      ResultFile& file) {
  const BoundEvaluator& evaluator = job.evaluator;
  const int64_t before = job.images.first * evaluator.terms_per_image();
  const ReadImage read = job.images.reader();
  const auto compute = [&](int64_t first, std::span<double> rows) {
    std::vector<BoundTerm> terms(rows.size() / kNumbersOfATerm);
    evaluator.evaluate(read, job.images.dataset.image_shape(), before + first, terms);
    for (size_t i = 0; i < terms.size(); ++i) {
      rows[kNumbersOfATerm * i] = terms[i].nats;
      rows[kNumbersOfATerm * i + 1] = terms[i].squared_error;
    }
  };
  complete(file, kNumbersOfATerm, request.common, "terms", compute, watch);
  std::vector<BoundTerm> terms;
  for (size_t i = 0; i < file.values().size(); i += kNumbersOfATerm) {
    terms.push_back({.nats = file.values()[i], .squared_error = file.values()[i + 1]});
  }
  std::vector<double> priors;
  Batch x0(job.model.shape(1));
  for (int64_t i = 0; i < job.images.count; ++i) {
    read(job.images.first + i, x0.values());
    priors.push_back(evaluator.prior(x0.values()));
  }
  return summarise(evaluator.options().plan, evaluator.options().draws, terms, priors);
}

void write_bound(const BoundRequest& request, const BoundJob& job, const BoundSummary& summary) {
  const fs::path out = request.common.out;
  Json json = {{"protocol", job.job}, {"result", bound_json(summary)}};
  json["protocol"]["source"] = job.images.name;
  write_file_whole(out / "bound.csv", bound_csv(summary));
  write_file_whole(out / "bpd.json", json_text(json));
  write_file_whole(out / "bpd.png", encode_picture(plot(bound_panels(summary))));
}

// The rows of the report whose times the picture shows, by falling t: a tenth of the chain apart,
// and closer where the rate is.
std::vector<const BoundRow*> shown_rows(const BoundSummary& summary) {
  const auto last = static_cast<double>(summary.rows.size() - 1);
  std::set<size_t> chosen;
  for (const double share : {1.0, 0.8, 0.6, 0.4, 0.3, 0.2, 0.1, 0.05, 0.02, 0.0}) {
    chosen.insert(static_cast<size_t>(std::nearbyint(last * (1.0 - share))));
  }
  std::vector<const BoundRow*> rows;
  for (const size_t i : chosen) rows.push_back(&summary.rows[i]);
  return rows;
}

std::string rate_text(double bits) { return with_decimals(bits, bits < 0.1 ? 4 : 2); }

// What a receiver sees: rows of images, columns of times, the rate below each.
Image progressive_picture(const BoundRequest& request, const BoundJob& job,
                          const BoundSummary& summary, const Watch& watch) {
  const int64_t count = std::min(request.pictures, job.images.count);
  const std::vector<int64_t> indices = numbers_from(job.images.first, count);
  Batch x0(job.model.shape(count));
  for (int64_t i = 0; i < count; ++i)
    job.images.reader()(indices[static_cast<size_t>(i)], x0.image(i));
  std::vector<int64_t> times;
  GridOptions options;
  for (const BoundRow* row : shown_rows(summary)) {
    times.push_back(row->t);
    options.column_labels.push_back(concat("t = ", row->t));
    options.column_notes.push_back(rate_text(row->rate.mean));
  }
  times.push_back(0);
  options.column_labels.emplace_back("image");
  options.column_notes.push_back(rate_text(summary.total.mean));
  const auto sent = send_progressively(job.model.predictor, times, request.clip_x0,
                                       static_cast<uint64_t>(request.common.seed), x0, indices,
                                       [&watch](int64_t) { give_up_if_stopped(watch); });
  std::vector<Image> cells;
  for (int64_t i = 0; i < count; ++i) {
    for (const bool predicted : {false, true}) {
      if (!predicted && !request.show_x_t) continue;
      for (const Received& now : sent) cells.push_back(image_of(predicted ? now.x0 : now.x, i));
      cells.push_back(image_of(x0, i));
    }
  }
  options.columns = std::ssize(times);
  options.scale = grid_options_for(cells[0]).scale;
  options.caption = concat("below: bits per dimension sent so far, in the mean over ",
                           counted(job.images.count, "image"));
  return image_grid(cells, options);
}

void write_rate_distortion(const BoundRequest& request, const BoundJob& job,
                           const BoundSummary& summary, const Watch& watch) {
  const fs::path out = request.common.out;
  Json rows = Json::array();
  for (const BoundRow& row : tenths(summary)) {
    rows.push_back({{"t", row.t}, {"rate", row.rate.mean}, {"distortion", row.distortion()}});
  }
  Json json = {{"protocol", job.job}, {"rows", rows}};
  json["protocol"]["source"] = job.images.name;
  write_file_whole(out / "bound.csv", bound_csv(summary));
  write_file_whole(out / "rate_distortion.json", json_text(json));
  write_file_whole(out / "rate_distortion.png",
                   encode_picture(plot(rate_distortion_panels(summary))));
  write_file_whole(out / "progressive.png",
                   encode_picture(progressive_picture(request, job, summary, watch),
                                  {{"checkpoint", job.model.hash},
                                   {"seed", std::to_string(request.common.seed)}}));
}

std::vector<std::string> reports_of(BoundReport report) {
  if (report == BoundReport::kBpd) return {"bound.csv", "bpd.json", "bpd.png"};
  return {"bound.csv", "rate_distortion.json", "rate_distortion.png", "progressive.png"};
}

}  // namespace

std::string to_string(BoundReport report) {
  return report == BoundReport::kBpd ? "bpd" : "rate-distortion";
}

BoundResult evaluate_bound(const BoundRequest& request, const TorchHooks& hooks,
                           const Watch& watch) {
  const std::string command = "evaluate " + to_string(request.report);
  const BoundJob job = open_job(command, request, hooks, watch);
  const BoundPlan& plan = job.evaluator.options().plan;
  DDPM_CHECK(request.report == BoundReport::kBpd || !plan.is_sampled(),
             "evaluate rate-distortion: --times must be all or respaced:N, for every image has a "
             "distortion at every t; got ",
             request.times);
  const int64_t total = rows_of(command, job.images, job.evaluator.terms_per_image());
  const auto open_terms = [&job, total](const fs::path& path) {
    return ResultFile(path, job.job, total, kNumbersOfATerm);
  };
  LockedRows rows =
      open_rows(command, request.common, watch, kTermsFile, reports_of(request.report), open_terms);
  begin(watch, about(request, job));
  const BoundSummary summary = evaluate(request, job, watch, rows.file);
  if (request.report == BoundReport::kBpd) {
    write_bound(request, job, summary);
  } else {
    write_rate_distortion(request, job, summary, watch);
  }
  return {summary, plan, job.model.config.schedule.T};
}

}  // namespace ddpm
