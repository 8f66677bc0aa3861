#include "ddpm/jobs/evaluate_flow.h"

#include <algorithm>
#include <filesystem>
#include <nlohmann/json.hpp>
#include <stdexcept>

#include "ddpm/base/check.h"
#include "ddpm/base/file.h"
#include "ddpm/base/text.h"
#include "ddpm/evaluation/bound_report.h"
#include "ddpm/sampling/times.h"

namespace ddpm {

namespace {

namespace fs = std::filesystem;

constexpr int64_t kNumbersOfADensity = 2;  // by all times, and by every other one
constexpr int64_t kDefaultSteps = 250;
constexpr const char* kCommand = "evaluate ode";

std::vector<int64_t> times_of(FlowSpacing spacing, const Schedule& schedule, int64_t steps) {
  switch (spacing) {
    case FlowSpacing::kKarras:
      return karras_times(schedule, steps);
    case FlowSpacing::kLambda:
      return lambda_times(schedule, steps);
    case FlowSpacing::kTrailing:
      return times_for(Spacing::kTrailing, schedule.steps(), steps);
    case FlowSpacing::kAngle:
      return angle_times(schedule, steps);
  }
  throw std::logic_error("evaluate ode: an unknown spacing");
}

FlowOptions options_of(const FlowRequest& request, const Schedule& schedule) {
  const int64_t T = schedule.steps();
  DDPM_CHECK(request.steps <= T, kCommand, ": --steps must be at most the checkpoint's T, ", T,
             ", got ", request.steps);
  const int64_t steps = request.steps > 0 ? request.steps : std::min(kDefaultSteps, T);
  FlowOptions options;
  try {
    options.times = times_of(request.spacing, schedule, steps);
  } catch (const InvalidArgument& error) {
    throw InvalidArgument(
        concat(kCommand, ": --spacing ", to_string(request.spacing), ": ", error.what()));
  }
  options.draws = request.draws;
  options.probes = request.probes;
  options.probe = request.probe;
  options.seed = static_cast<uint64_t>(request.common.seed);
  return options;
}

struct FlowJob {
  Model model;
  EvaluationImages images;
  FlowLikelihood flow;
  Json job;
};

FlowJob open_job(const FlowRequest& request, const TorchHooks& hooks, const Watch& watch) {
  DDPM_CHECK(request.common.model.backend != NetworkBackend::kEngine, kCommand,
             ": --executor: wanted libtorch, which has gradients, got engine");
  ModelRequest by_torch = request.common.model;
  by_torch.backend = NetworkBackend::kLibTorch;
  const Model model = open_model(kCommand, by_torch, hooks, watch);
  const FlowOptions options = options_of(request, model.predictor.schedule());
  const EvaluationImages images = open_images(kCommand, request.common, model, watch);
  Json job = job_of(request.common, model, images);
  job["kind"] = "flow";
  job["draws"] = request.draws;
  job["probes"] = request.probes;
  job["probe"] = to_string(request.probe);
  job["times"] = join(options.times, ",");
  return {model, images,
          FlowLikelihood(model.network, model.predictor.schedule(), model.config.prediction,
                         model.config.unet.learned_variance, options),
          job};
}

// The mean over the probes of each draw, in bits of the bytes: [images, draws].
std::vector<double> bits_of(const ResultFile& file, int64_t probes, size_t which) {
  std::vector<double> bits;
  const auto per_draw = static_cast<size_t>(kNumbersOfADensity * probes);
  for (size_t first = 0; first < file.values().size(); first += per_draw) {
    double sum = 0.0;
    for (size_t i = 0; i < per_draw; i += kNumbersOfADensity) {
      sum += bits_of_density(file.values()[first + i + which]);
    }
    bits.push_back(sum / static_cast<double>(probes));
  }
  return bits;
}

std::string ode_csv(const FlowRequest& request, const FlowJob& job, const ResultFile& file) {
  const auto bits = bits_of(file, request.probes, 0);
  const auto halved = bits_of(file, request.probes, 1);
  std::string text = "image,draw,bits,halved_bits\n";
  for (size_t i = 0; i < bits.size(); ++i) {
    const auto number = static_cast<int64_t>(i);
    text += csv_line(std::vector<std::string>{
        std::to_string(job.images.first + number / request.draws),
        std::to_string(number % request.draws), shortest(bits[i]), shortest(halved[i])});
  }
  return text;
}

FlowResult summarise(const FlowRequest& request, const FlowJob& job, const ResultFile& file) {
  const auto bits = bits_of(file, request.probes, 0);
  const auto halved = bits_of(file, request.probes, 1);
  std::vector<double> difference;
  for (size_t i = 0; i < bits.size(); ++i) difference.push_back(bits[i] - halved[i]);
  return {.bits = estimate_of(bits, request.draws),
          .halved = estimate_of(halved, request.draws),
          .difference = estimate_of(difference, request.draws),
          .protocol = json_line(job.job)};
}

void write_results(const FlowRequest& request, const FlowJob& job, const ResultFile& file,
                   const FlowResult& result) {
  const fs::path out = request.common.out;
  Json json = {{"protocol", job.job},
               {"result", estimate_json(result.bits)},
               {"halved", estimate_json(result.halved)},
               {"difference", estimate_json(result.difference)}};
  json["protocol"]["source"] = job.images.name;
  write_file_whole(out / "ode.csv", ode_csv(request, job, file));
  write_file_whole(out / "ode.json", json_text(json));
}

// What is computed, for people.
std::string about(const FlowRequest& request, const FlowJob& job) {
  const FlowOptions& options = job.flow.options();
  return concat(describe(job.model, request.common.model),
                "\nprotocol: ", protocol_text(request.common, job.model, job.images), ", ",
                options.draws, options.draws == 1 ? " draw" : " draws",
                " of uniform dequantisation, ", options.probes, " ", to_string(request.probe),
                options.probes == 1 ? " probe" : " probes", " each, Heun's method in ",
                options.times.size() - 1, " ", to_string(request.spacing),
                " steps and in half as many, x_0 not clipped, ", job.flow.calls(),
                " calls of the network with its slope for each");
}

}  // namespace

std::string to_string(FlowSpacing spacing) { return name_of(kFlowSpacings, spacing); }

FlowResult evaluate_flow(const FlowRequest& request, const TorchHooks& hooks, const Watch& watch) {
  const FlowJob job = open_job(request, hooks, watch);
  const int64_t total = rows_of(kCommand, job.images, job.flow.per_image());
  LockedRows rows = open_rows(kCommand, request.common, watch, "flow.safetensors",
                              {"ode.csv", "ode.json"}, [&job, total](const fs::path& path) {
                                return ResultFile(path, job.job, total, kNumbersOfADensity);
                              });
  begin(watch, about(request, job));
  const ReadImage read = job.images.reader();
  const int64_t before = job.images.first * job.flow.per_image();
  const auto compute = [&](int64_t first, std::span<double> values) {
    std::vector<FlowDensity> densities(values.size() / kNumbersOfADensity);
    job.flow.evaluate(read, job.images.dataset.image_shape(), before + first, densities);
    for (size_t i = 0; i < densities.size(); ++i) {
      values[kNumbersOfADensity * i] = densities[i].nats;
      values[kNumbersOfADensity * i + 1] = densities[i].halved;
    }
  };
  complete(rows.file, kNumbersOfADensity, request.common, "densities", compute, watch);
  FlowResult result = summarise(request, job, rows.file);
  write_results(request, job, rows.file, result);
  return result;
}

}  // namespace ddpm
