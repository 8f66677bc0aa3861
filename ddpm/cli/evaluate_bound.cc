// `ddpm evaluate bpd` and `ddpm evaluate rate-distortion`: two reports of one job, the terms of the
// variational bound.

#include "ddpm/jobs/evaluate_bound.h"

#include <iostream>
#include <memory>

#include "ddpm/base/check.h"
#include "ddpm/base/text.h"
#include "ddpm/cli/commands.h"
#include "ddpm/cli/evaluation_flags.h"
#include "ddpm/cli/job_watch.h"
#include "ddpm/cli/sampler_flags.h"
#include "ddpm/evaluation/bound_report.h"

namespace ddpm {

namespace {

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

BoundRequest request_of(const BoundFlags& flags, BoundReport report) {
  BoundRequest request{.common = evaluation_request(flags.common),
                       .report = report,
                       .draws = flags.draws,
                       .times = flags.times,
                       .cdf = cdf_of(flags),
                       .clip_x0 = !flags.no_clip,
                       .pictures = flags.pictures,
                       .show_x_t = flags.show_x_t};
  if (flags.variance != "checkpoint") request.variance = variance_from(flags.variance);
  return request;
}

constexpr const char* kErrorsText =
    "+- is the standard error over images; in brackets that of the noise alone, which wants two "
    "draws\n";

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

int run(const BoundFlags& flags, BoundReport report, const TorchHooks& hooks) {
  const std::string kind = to_string(report);
  check_evaluation_flags("evaluate " + kind, flags.common);
  const std::string next = next_command(flags, hooks.program, kind);
  TerminalWatch watch(
      [&flags, &next](const std::string& about) { begin_evaluation(flags.common, about, next); });
  BoundResult result;
  try {
    result = evaluate_bound(request_of(flags, report), hooks, watch);
  } catch (const Stopped&) {
    return stopped_evaluation(watch, next);
  }
  std::cout << (report == BoundReport::kBpd ? bound_text(result.summary)
                                            : rate_distortion_text(result.summary));
  const BoundReport other = report == BoundReport::kBpd && !result.plan.is_sampled()
                                ? BoundReport::kRateDistortion
                                : BoundReport::kBpd;
  std::cout << kErrorsText << plan_note(result.plan, result.T)
            << next_command(flags, hooks.program, to_string(other)) << std::endl;
  return 0;
}

Command command_of(BoundReport report) {
  const bool bpd = report == BoundReport::kBpd;
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

Command evaluate_bpd_command() { return command_of(BoundReport::kBpd); }

Command evaluate_rate_distortion_command() { return command_of(BoundReport::kRateDistortion); }

}  // namespace ddpm
