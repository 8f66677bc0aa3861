// `ddpm evaluate bpd` and `ddpm evaluate rate-distortion`: two reports of one job, the terms of the
// variational bound.

#include <algorithm>
#include <cmath>
#include <filesystem>
#include <iostream>
#include <memory>
#include <nlohmann/json.hpp>
#include <set>

#include "ddpm/base/check.h"
#include "ddpm/base/file.h"
#include "ddpm/base/text.h"
#include "ddpm/cli/commands.h"
#include "ddpm/cli/evaluation_job.h"
#include "ddpm/cli/picture_job.h"
#include "ddpm/evaluation/bound_report.h"
#include "ddpm/evaluation/progressive_coding.h"
#include "ddpm/formats/picture_mark.h"
#include "ddpm/plot/image_grid.h"
#include "ddpm/plot/line_plot.h"
#include "ddpm/terminal/output.h"
#include "ddpm/terminal/signals.h"

namespace ddpm {

namespace {

namespace fs = std::filesystem;

constexpr int64_t kNumbersOfATerm = 2;  // its nats, and the squared error
constexpr const char* kTermsFile = "bound.safetensors";

struct BoundFlags {
  EvaluationFlags common;
  int64_t draws = 1;
  std::string times = "all";
  std::string variance = "checkpoint";
  std::string parity = "none";
  std::string cdf = kOfParity;
  bool no_clip = false;
  int64_t pictures = 4;  // of rate-distortion
  bool show_x_t = false;
};

// The decoder's: as the flag says, or as the program does whose likelihoods are to be met.
Cdf cdf_of(const BoundFlags& flags) {
  if (flags.cdf != kOfParity) return cdf_from(flags.cdf);
  return flags.parity == "none" ? Cdf::kExact : Cdf::kTanh;
}

std::shared_ptr<BoundFlags> declare(Flags& flags, bool with_pictures) {
  auto values = std::make_shared<BoundFlags>();
  declare_evaluation_flags(flags, values->common);
  flags.integer("--draws", values->draws, "of x_t, for each image and t", 1, 1'000'000);
  flags.text("--times", values->times, "all|respaced:N|sampled:N",
             "every t; a chain of N steps, which has a bound of its own; or N steps of all, drawn "
             "for each image and draw in strata");
  flags.choice("--variance", values->variance, {"checkpoint", "fixed_large", "fixed_small"},
               "of the reverse steps: as the checkpoint says, beta, or beta-tilde");
  flags.choice("--parity", values->parity, {"none", "official-tf", "improved-diffusion"},
               "evaluate as this program does; docs/parity.md");
  flags.choice(
      "--cdf", values->cdf, {kOfParity, "exact", "tanh"},
      "of the decoder: the normal distribution, or the approximation of published numbers");
  flags.toggle("--no-clip", values->no_clip, "do not clip the predicted x_0 to [-1, 1]");
  if (!with_pictures) return values;
  flags.integer("--pictures", values->pictures, "images in the picture of progressive coding", 1,
                100);
  flags.toggle("--show-x-t", values->show_x_t, "in that picture, x_t above what is shown of it");
  return values;
}

struct BoundJob {
  Model model;
  EvaluationImages images;
  BoundEvaluator evaluator;
  Json job;
};

BoundOptions options_of(const std::string& command, const BoundFlags& flags, const Model& model) {
  BoundOptions options;
  try {
    options.plan = bound_plan_from(flags.times, model.config.schedule.T);
  } catch (const InvalidArgument& error) {
    throw InvalidArgument(concat(command, ": ", error.what()));
  }
  options.draws = flags.draws;
  options.variance =
      flags.variance == "checkpoint" ? model.config.variance : variance_from(flags.variance);
  options.clip_x0 = !flags.no_clip;
  options.cdf = cdf_of(flags);
  options.seed = static_cast<uint64_t>(flags.common.seed);
  return options;
}

BoundJob open_job(const std::string& command, const BoundFlags& flags, const TorchHooks& hooks) {
  check_evaluation_flags(command, flags.common);
  const Model model = open_model(command, flags.common.model, hooks);
  const BoundOptions options = options_of(command, flags, model);
  const EvaluationImages images = open_images(command, flags.common, model);
  Json job = job_of(flags.common, model, images);
  job["kind"] = "bound";
  job["times"] = flags.times;
  job["draws"] = flags.draws;
  job["variance"] = to_string(options.variance);
  job["clip"] = options.clip_x0;
  job["cdf"] = to_string(cdf_of(flags));
  return {model, images, BoundEvaluator(model.predictor, options), job};
}

std::string times_text(const BoundPlan& plan) {
  if (plan.is_sampled()) {
    return concat(plan.strata.size(), " of ", plan.steps(), " steps, drawn in strata");
  }
  return concat(plan.steps(), " steps");
}

void say_job(const BoundFlags& flags, const BoundJob& job) {
  const BoundOptions& options = job.evaluator.options();
  std::cout << absolute_text(flags.common.out) << '\n'
            << describe(job.model, flags.common.model) << '\n'
            << "protocol: " << protocol_text(flags.common, job.model, job.images) << ", "
            << options.draws << (options.draws == 1 ? " draw of x_t, " : " draws of x_t, ")
            << times_text(options.plan) << ", x_0 " << (options.clip_x0 ? "clipped" : "not clipped")
            << ", variance " << to_string(options.variance) << ", cdf " << to_string(options.cdf)
            << std::endl;
}

// Evaluates what is missing; nothing if a signal stopped it, after which the line `next` goes on.
std::optional<BoundSummary> evaluate(const BoundFlags& flags, const BoundJob& job,
                                     const std::string& next, ResultFile& file) {
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
  if (!complete_watched(file, kNumbersOfATerm, flags.common, "terms", next, compute)) {
    return std::nullopt;
  }
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

constexpr const char* kErrorsText =
    "+- is the standard error over images; in brackets that of the noise alone, which wants two "
    "draws\n";

void write_bound(const BoundFlags& flags, const BoundJob& job, const BoundSummary& summary) {
  const fs::path out = flags.common.out;
  Json json = {{"protocol", job.job}, {"result", bound_json(summary)}};
  json["protocol"]["source"] = job.images.name;
  write_file_whole(out / "bound.csv", bound_csv(summary));
  write_file_whole(out / "bpd.json", json_text(json));
  write_file_whole(out / "bpd.png", encode_picture(plot(bound_panels(summary))));
}

std::string plan_note(const BoundPlan& plan, int64_t T) {
  if (plan.steps() == T) return "";
  return concat("this is the bound of the chain of ", plan.steps(),
                " steps, a model of its own, not an estimate of that of ", T, "\n");
}

// The same job again, under another name of its report.
std::string next_command(const BoundFlags& flags, const std::string& program,
                         const std::string& kind) {
  const BoundFlags defaults;
  NextCommand next = next_evaluation(program, kind, flags.common);
  next.flag_unless(defaults.draws, "--draws", flags.draws)
      .flag_unless(defaults.times, "--times", flags.times)
      .flag_unless(defaults.variance, "--variance", flags.variance)
      .flag_unless(defaults.parity, "--parity", flags.parity)
      .flag_unless(defaults.cdf, "--cdf", flags.cdf);
  if (flags.no_clip) next.word("--no-clip");
  if (kind == "bpd") return next.line();
  next.flag_unless(defaults.pictures, "--pictures", flags.pictures);
  if (flags.show_x_t) next.word("--show-x-t");
  return next.line();
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
Image progressive_picture(const BoundFlags& flags, const BoundJob& job,
                          const BoundSummary& summary) {
  const int64_t count = std::min(flags.pictures, job.images.count);
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
  const auto sent = send_progressively(job.model.predictor, times, !flags.no_clip,
                                       static_cast<uint64_t>(flags.common.seed), x0, indices,
                                       [](int64_t) { give_up_if_stopped(); });
  std::vector<Image> cells;
  for (int64_t i = 0; i < count; ++i) {
    for (const bool predicted : {false, true}) {
      if (!predicted && !flags.show_x_t) continue;
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

void write_rate_distortion(const BoundFlags& flags, const BoundJob& job,
                           const BoundSummary& summary) {
  const fs::path out = flags.common.out;
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
                   encode_picture(progressive_picture(flags, job, summary),
                                  {{"checkpoint", job.model.hash},
                                   {"seed", std::to_string(flags.common.seed)}}));
}

enum class Report { kBpd, kRateDistortion };

std::vector<std::string> reports_of(Report report) {
  if (report == Report::kBpd) return {"bound.csv", "bpd.json", "bpd.png"};
  return {"bound.csv", "rate_distortion.json", "rate_distortion.png", "progressive.png"};
}

int run(const BoundFlags& flags, Report report, const TorchHooks& hooks) {
  const std::string kind = report == Report::kBpd ? "bpd" : "rate-distortion";
  const BoundJob job = open_job("evaluate " + kind, flags, hooks);
  const BoundPlan& plan = job.evaluator.options().plan;
  DDPM_CHECK(report == Report::kBpd || !plan.is_sampled(),
             "evaluate rate-distortion: --times must be all or respaced:N, for every image has a "
             "distortion at every t; got ",
             flags.times);
  const int64_t total = rows_of("evaluate " + kind, job.images, job.evaluator.terms_per_image());
  const auto open_terms = [&job, total](const fs::path& path) {
    return ResultFile(path, job.job, total, kNumbersOfATerm);
  };
  LockedRows rows =
      open_rows("evaluate " + kind, flags.common, kTermsFile, reports_of(report), open_terms);
  say_job(flags, job);
  const std::string next = next_command(flags, hooks.program, kind);
  const auto summary = evaluate(flags, job, next, rows.file);
  if (!summary) return exit_code_of_stop();
  if (report == Report::kBpd) {
    write_bound(flags, job, *summary);
    std::cout << bound_text(*summary);
  } else {
    write_rate_distortion(flags, job, *summary);
    std::cout << rate_distortion_text(*summary);
  }
  const std::string other = report == Report::kBpd ? "rate-distortion" : "bpd";
  std::cout << kErrorsText << plan_note(plan, job.model.config.schedule.T)
            << next_command(flags, hooks.program, plan.is_sampled() ? "bpd" : other) << std::endl;
  return 0;
}

Command command_of(Report report) {
  const bool bpd = report == Report::kBpd;
  return {.name = bpd ? "evaluate bpd" : "evaluate rate-distortion",
          .summary = bpd ? "the variational bound in bits per dimension, term by term"
                         : "rate and distortion of progressive coding",
          .example = concat("ddpm evaluate ", bpd ? "bpd" : "rate-distortion",
                            " --checkpoint runs/clothes --data fashion-mnist --split test "
                            "--images 64 --out likelihood"),
          .needs_torch = false,
          .declare = [report, bpd](Flags& flags) -> Action {
            return [values = declare(flags, !bpd), report](const TorchHooks& hooks) {
              return run(*values, report, hooks);
            };
          }};
}

}  // namespace

Command evaluate_bpd_command() { return command_of(Report::kBpd); }

Command evaluate_rate_distortion_command() { return command_of(Report::kRateDistortion); }

}  // namespace ddpm
