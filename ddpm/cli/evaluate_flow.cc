// `ddpm evaluate ode`: the likelihood by the probability flow.

#include "ddpm/jobs/evaluate_flow.h"

#include <filesystem>
#include <iostream>
#include <memory>
#include <nlohmann/json.hpp>

#include "ddpm/base/check.h"
#include "ddpm/base/file.h"
#include "ddpm/base/json.h"
#include "ddpm/base/text.h"
#include "ddpm/cli/commands.h"
#include "ddpm/cli/evaluation_flags.h"
#include "ddpm/cli/job_watch.h"
#include "ddpm/evaluation/bound_report.h"

namespace ddpm {

namespace {

namespace fs = std::filesystem;

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
  flags.choice("--spacing", values->spacing, names_of(kFlowSpacings),
               "of the times: by the angle atan(sigma / signal), sigma / signal, lambda or t");
  return values;
}

FlowRequest request_of(const OdeFlags& flags) {
  return {.common = evaluation_request(flags.common),
          .draws = flags.draws,
          .probes = flags.probes,
          .probe = probe_from(flags.probe),
          .steps = flags.steps,
          .spacing = value_named(kFlowSpacings, "--spacing", flags.spacing)};
}

// null if there is none.
Json member(const Json& object, const char* key) {
  return object.is_object() && object.contains(key) ? object[key] : Json();
}

// What `evaluate bpd` left in the folder, if it is of the same network and images.
std::string bound_beside(const OdeFlags& flags, const FlowResult& result) {
  const fs::path path = fs::path(flags.common.out) / "bpd.json";
  if (!fs::exists(path)) return "";
  const Json report = parse_json(read_file(path, kLargestReport), path.string());
  const Json protocol = member(report, "protocol");
  const Json job = parse_json(result.protocol, "the job");
  for (const char* key : {"checkpoint", "weights", "data", "images", "first_image"}) {
    if (member(protocol, key) == job[key]) continue;
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

void print_results(const OdeFlags& flags, const FlowResult& result) {
  std::cout << "probability flow        " << estimate_text(result.bits)
            << " bits per dimension\nby every other time     " << estimate_text(result.halved)
            << "\nthe difference, which is the size of what the steps cost: "
            << estimate_text(result.difference) << '\n'
            << bound_beside(flags, result)
            << "+- is the standard error over images; in brackets that of dequantisation and "
               "probes, which wants two draws\n";
}

int run(const OdeFlags& flags, const TorchHooks& hooks) {
  check_evaluation_flags(kCommand, flags.common);
  const std::string next = next_command(flags, hooks.program);
  TerminalWatch watch(
      [&flags, &next](const std::string& about) { begin_evaluation(flags.common, about, next); });
  FlowResult result;
  try {
    result = evaluate_flow(request_of(flags), hooks, watch);
  } catch (const Stopped&) {
    return stopped_evaluation(watch, next);
  }
  print_results(flags, result);
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
