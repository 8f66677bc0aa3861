// `ddpm evaluate ode`: the likelihood by the probability flow.

#include <algorithm>
#include <filesystem>
#include <iostream>
#include <memory>
#include <nlohmann/json.hpp>
#include <optional>

#include "ddpm/base/check.h"
#include "ddpm/base/file.h"
#include "ddpm/base/text.h"
#include "ddpm/cli/commands.h"
#include "ddpm/cli/evaluation_job.h"
#include "ddpm/evaluation/bound_report.h"
#include "ddpm/evaluation/flow_likelihood.h"
#include "ddpm/sampling/times.h"
#include "ddpm/terminal/output.h"
#include "ddpm/terminal/signals.h"

namespace ddpm {

namespace {

namespace fs = std::filesystem;

constexpr int64_t kNumbersOfADensity = 2;  // by all times, and by every other one
constexpr int64_t kDefaultSteps = 250;
constexpr int64_t kLargestReport = int64_t{1} << 20;
constexpr const char* kCommand = "evaluate ode";

struct OdeFlags {
  EvaluationFlags common;
  int64_t draws = 1;
  int64_t probes = 1;
  std::string probe = "rademacher";
  int64_t steps = 0;
  std::string spacing = "angle";
};

std::shared_ptr<OdeFlags> declare(Flags& flags) {
  auto values = std::make_shared<OdeFlags>();
  declare_evaluation_flags(flags, values->common);
  flags.integer("--draws", values->draws, "of what is added to the bytes, for each image", 1,
                1'000'000);
  flags.integer("--probes", values->probes, "of the trace, for each draw", 1, 1'000'000);
  flags.choice("--probe", values->probe, {"rademacher", "gaussian"}, "what probes are made of");
  flags.integer("--steps", values->steps, "of Heun's method; 0: 250, or T if that is less", 0);
  flags.choice("--spacing", values->spacing, {"angle", "karras", "lambda", "trailing"},
               "of the times: by the angle atan(sigma / signal), sigma / signal, lambda or t");
  return values;
}

std::vector<int64_t> times_of(const std::string& spacing, const Schedule& schedule, int64_t steps) {
  if (spacing == "karras") return karras_times(schedule, steps);
  if (spacing == "lambda") return lambda_times(schedule, steps);
  if (spacing == "trailing") return times_for(Spacing::kTrailing, schedule.steps(), steps);
  return angle_times(schedule, steps);
}

FlowOptions options_of(const OdeFlags& flags, const Schedule& schedule) {
  const int64_t T = schedule.steps();
  DDPM_CHECK(flags.steps <= T, kCommand, ": --steps must be at most the checkpoint's T, ", T,
             ", got ", flags.steps);
  const int64_t steps = flags.steps > 0 ? flags.steps : std::min(kDefaultSteps, T);
  FlowOptions options;
  try {
    options.times = times_of(flags.spacing, schedule, steps);
  } catch (const InvalidArgument& error) {
    throw InvalidArgument(concat(kCommand, ": --spacing ", flags.spacing, ": ", error.what()));
  }
  options.draws = flags.draws;
  options.probes = flags.probes;
  options.probe = probe_from(flags.probe);
  options.seed = static_cast<uint64_t>(flags.common.seed);
  return options;
}

struct OdeJob {
  Model model;
  EvaluationImages images;
  FlowLikelihood flow;
  Json job;
};

OdeJob open_job(const OdeFlags& flags, const TorchHooks& hooks) {
  check_evaluation_flags(kCommand, flags.common);
  DDPM_CHECK(flags.common.model.executor != "engine", kCommand,
             ": --executor: wanted libtorch, which has gradients, got engine");
  ModelFlags by_torch = flags.common.model;
  by_torch.executor = "libtorch";
  const Model model = open_model(kCommand, by_torch, hooks);
  const FlowOptions options = options_of(flags, model.predictor.schedule());
  const EvaluationImages images = open_images(kCommand, flags.common, model);
  Json job = job_of(flags.common, model, images);
  job["kind"] = "flow";
  job["draws"] = flags.draws;
  job["probes"] = flags.probes;
  job["probe"] = flags.probe;
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

struct OdeSummary {
  Estimate bits;
  Estimate halved;
  Estimate difference;  // bits - halved, of the same draws: the size of what the steps cost
};

std::string ode_csv(const OdeFlags& flags, const OdeJob& job, const ResultFile& file) {
  const auto bits = bits_of(file, flags.probes, 0);
  const auto halved = bits_of(file, flags.probes, 1);
  std::string text = "image,draw,bits,halved_bits\n";
  for (size_t i = 0; i < bits.size(); ++i) {
    const auto number = static_cast<int64_t>(i);
    text += csv_line(std::vector<std::string>{
        std::to_string(job.images.first + number / flags.draws),
        std::to_string(number % flags.draws), shortest(bits[i]), shortest(halved[i])});
  }
  return text;
}

OdeSummary summarise(const OdeFlags& flags, const ResultFile& file) {
  const auto bits = bits_of(file, flags.probes, 0);
  const auto halved = bits_of(file, flags.probes, 1);
  std::vector<double> difference;
  for (size_t i = 0; i < bits.size(); ++i) difference.push_back(bits[i] - halved[i]);
  return {.bits = estimate_of(bits, flags.draws),
          .halved = estimate_of(halved, flags.draws),
          .difference = estimate_of(difference, flags.draws)};
}

void write_results(const OdeFlags& flags, const OdeJob& job, const ResultFile& file,
                   const OdeSummary& summary) {
  const fs::path out = flags.common.out;
  Json json = {{"protocol", job.job},
               {"result", estimate_json(summary.bits)},
               {"halved", estimate_json(summary.halved)},
               {"difference", estimate_json(summary.difference)}};
  json["protocol"]["source"] = job.images.name;
  write_file_whole(out / "ode.csv", ode_csv(flags, job, file));
  write_file_whole(out / "ode.json", json_text(json));
}

// null if there is none.
Json member(const Json& object, const char* key) {
  return object.is_object() && object.contains(key) ? object[key] : Json();
}

// What `evaluate bpd` left in the folder, if it is of the same network and images.
std::string bound_beside(const OdeFlags& flags, const OdeJob& job) {
  const fs::path path = fs::path(flags.common.out) / "bpd.json";
  if (!fs::exists(path)) return "";
  const Json report = parse_json(read_file(path, kLargestReport), path.string());
  const Json protocol = member(report, "protocol");
  for (const char* key : {"checkpoint", "weights", "data", "images", "first_image"}) {
    if (member(protocol, key) == job.job[key]) continue;
    return concat("bpd.json in this folder differs in its ", key, "\n");
  }
  const Json bits = member(member(member(report, "result"), "total"), "bits");
  if (!bits.is_number()) return "";
  return concat("bound of evaluate bpd   ", shortest(bits.get<double>()),
                " bits per dimension, --times ", json_shown(member(protocol, "times")), "\n");
}

std::string next_command(const OdeFlags& flags, const std::string& program) {
  const OdeFlags defaults;
  return next_evaluation(program, "ode", flags.common)
      .flag_unless(defaults.draws, "--draws", flags.draws)
      .flag_unless(defaults.probes, "--probes", flags.probes)
      .flag_unless(defaults.probe, "--probe", flags.probe)
      .flag_unless(defaults.steps, "--steps", flags.steps)
      .flag_unless(defaults.spacing, "--spacing", flags.spacing)
      .line();
}

void say_job(const OdeFlags& flags, const OdeJob& job) {
  const FlowOptions& options = job.flow.options();
  std::cout << absolute_text(flags.common.out) << '\n'
            << describe(job.model, flags.common.model) << '\n'
            << "protocol: " << protocol_text(flags.common, job.model, job.images) << ", "
            << options.draws << (options.draws == 1 ? " draw" : " draws")
            << " of uniform dequantisation, " << options.probes << " " << flags.probe
            << (options.probes == 1 ? " probe" : " probes") << " each, Heun's method in "
            << options.times.size() - 1 << " " << flags.spacing
            << " steps and in half as many, x_0 not clipped, " << job.flow.calls()
            << " calls of the network with its slope for each" << std::endl;
}

void say_results(const OdeFlags& flags, const OdeJob& job, const OdeSummary& summary) {
  std::cout << "probability flow        " << estimate_text(summary.bits)
            << " bits per dimension\nby every other time     " << estimate_text(summary.halved)
            << "\nthe difference, which is the size of what the steps cost: "
            << estimate_text(summary.difference) << '\n'
            << bound_beside(flags, job)
            << "+- is the standard error over images; in brackets that of dequantisation and "
               "probes, which wants two draws\n";
}

int run(const OdeFlags& flags, const TorchHooks& hooks) {
  const OdeJob job = open_job(flags, hooks);
  const int64_t total = rows_of(kCommand, job.images, job.flow.per_image());
  LockedRows locked = open_rows(kCommand, flags.common, "flow.safetensors", {"ode.csv", "ode.json"},
                                [&job, total](const fs::path& path) {
                                  return ResultFile(path, job.job, total, kNumbersOfADensity);
                                });
  ResultFile& file = locked.file;
  say_job(flags, job);
  const ReadImage read = job.images.reader();
  const int64_t before = job.images.first * job.flow.per_image();
  const auto compute = [&](int64_t first, std::span<double> rows) {
    std::vector<FlowDensity> densities(rows.size() / kNumbersOfADensity);
    job.flow.evaluate(read, job.images.dataset.image_shape(), before + first, densities);
    for (size_t i = 0; i < densities.size(); ++i) {
      rows[kNumbersOfADensity * i] = densities[i].nats;
      rows[kNumbersOfADensity * i + 1] = densities[i].halved;
    }
  };
  const std::string next = next_command(flags, hooks.program);
  if (!complete_watched(file, kNumbersOfADensity, flags.common, "densities", next, compute)) {
    return exit_code_of_stop();
  }
  const OdeSummary summary = summarise(flags, file);
  write_results(flags, job, file, summary);
  say_results(flags, job, summary);
  std::cout << next_evaluation(hooks.program, "bpd", flags.common).line() << std::endl;
  return 0;
}

}  // namespace

Command evaluate_ode_command() {
  return {.name = kCommand,
          .summary = "the likelihood by the probability flow, in bits per dimension",
          .example =
              "ddpm evaluate ode --checkpoint runs/clothes --data fashion-mnist --split test "
              "--images 16 --out likelihood",
          .needs_torch = true,
          .declare = [](Flags& flags) -> Action {
            return
                [values = declare(flags)](const TorchHooks& hooks) { return run(*values, hooks); };
          }};
}

}  // namespace ddpm
