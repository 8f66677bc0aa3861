#include "ddpm/cli/sampling_job.h"

#include "ddpm/base/check.h"
#include "ddpm/base/text.h"
#include "ddpm/base/version.h"
#include "ddpm/checkpoints/store.h"
#include "ddpm/diffusion/schedule_kinds.h"
#include "ddpm/sampling/times.h"

namespace ddpm {

namespace {

// By most samplers fifty steps are near what a thousand give; by ddpm every time is visited.
constexpr int64_t kDefaultSteps = 50;
constexpr size_t kHashDigits = 16;

std::vector<std::string> sampler_names() {
  std::vector<std::string> names;
  for (const SamplerKind kind : all_sampler_kinds()) names.push_back(to_string(kind));
  return names;
}

bool has_churn(SamplerKind kind) {
  return kind == SamplerKind::kEuler || kind == SamplerKind::kHeun;
}

constexpr const char* kKarras = "karras";

// The times that the flags name, and the final 0.
std::vector<int64_t> times_of(const SamplerFlags& flags, const Schedule& schedule, int64_t steps) {
  if (!flags.times.empty()) {
    std::vector<int64_t> times = flags.times;
    times.push_back(0);
    check_times(times, schedule.steps());
    return times;
  }
  if (!flags.respacing.empty()) return respaced_times(flags.respacing, schedule.steps());
  if (flags.spacing == kKarras) return karras_times(schedule, steps);
  return times_for(spacing_from(flags.spacing), schedule.steps(), steps);
}

// What a PNG says of them.
std::string spacing_text(const SamplerFlags& flags) {
  if (!flags.times.empty()) return "times " + join(flags.times, ",");
  return flags.respacing.empty() ? flags.spacing : "respacing " + flags.respacing;
}

// A flag that only some samplers have.
void check_belongs(const std::string& command, bool given, const char* flag, const char* samplers,
                   bool is_one_of_them, const std::string& sampler) {
  DDPM_CHECK(!given || is_one_of_them, command, ": ", flag, " belongs to --sampler ", samplers,
             ", got --sampler ", sampler);
}

std::string clip_text(const SamplerFlags& flags) {
  if (flags.threshold_quantile == 0.0) return flags.no_clip ? "no" : "yes";
  return concat("quantile ", shortest(flags.threshold_quantile), ", at most ",
                shortest(flags.threshold_max));
}

int64_t steps_of(const SamplerFlags& flags, SamplerKind kind, int64_t T) {
  if (flags.steps > 0) return flags.steps;
  return kind == SamplerKind::kAncestral ? T : std::min(kDefaultSteps, T);
}

// What fits together, but for the times.
void check_sampler_flags(const std::string& command, const SamplerFlags& flags, SamplerKind kind,
                         int64_t T) {
  DDPM_CHECK(flags.steps <= T, command, ": --steps must be at most the checkpoint's T, ", T,
             ", got ", flags.steps);
  check_belongs(command, flags.eta != 0.0, "--eta", "ddim", kind == SamplerKind::kDdim,
                flags.sampler);
  check_belongs(command, flags.churn != 0.0, "--churn", "euler or heun", has_churn(kind),
                flags.sampler);
  const bool thresholds = flags.threshold_quantile > 0.0;
  DDPM_CHECK(!thresholds || !flags.no_clip, command,
             ": --no-clip and --threshold-quantile exclude each other");
  DDPM_CHECK(!flags.raw_eps || !flags.no_clip, command,
             ": --raw-eps is of a clipped x_0, so it excludes --no-clip");
  DDPM_CHECK(thresholds || flags.threshold_max == 1.0, command,
             ": --threshold-max belongs to --threshold-quantile");
  const int ways =
      (flags.steps > 0 ? 1 : 0) + (flags.respacing.empty() ? 0 : 1) + (flags.times.empty() ? 0 : 1);
  DDPM_CHECK(ways <= 1, command, ": --steps, --respacing and --times exclude each other");
}

}  // namespace

void declare_model_flags(Flags& flags, ModelFlags& values) {
  flags.text("--checkpoint", values.checkpoint, "RUN|CHECKPOINT",
             "a run (its newest checkpoint) or a checkpoint folder");
  flags.choice("--weights", values.weights, {"ema", "raw"},
               "the averaged weights or those the optimiser left");
  flags.choice("--precision", values.precision, {"fp32", "bf16"}, "of the network's arithmetic");
  flags.text("--device", values.device, "auto|cpu|cuda[:N]", "where the network runs");
  flags.integer("--threads", values.threads, "0: one for each core", 0, 4096);
}

void declare_sampler_flags(Flags& flags, SamplerFlags& values, const std::string& steps_help) {
  flags.choice("--sampler", values.sampler, sampler_names(), "the rule of a reverse step");
  flags.integer("--steps", values.steps, steps_help, 0);
  flags.number("--eta", values.eta, "noise of ddim: 0 none, 1 as much as ddpm", 0.0, 1.0);
  flags.number("--churn", values.churn,
               "of euler and heun: noise that is put back on the way, S_churn", 0.0, 1e6);
  flags.choice("--spacing", values.spacing,
               {"trailing", "leading", "linspace", "quadratic", "karras"},
               "which times fewer steps visit; trailing begins at T");
  flags.text("--respacing", values.respacing, "N,N,..|ddimN",
             "instead of --steps: so many times of each section of 1 .. T, or a whole stride");
  flags.integers("--times", values.times,
                 "instead of --steps: the times to visit, falling, in [1, T]");
  flags.choice("--variance", values.variance, {"checkpoint", "fixed_large", "fixed_small"},
               "of a ddpm step: as the checkpoint says, beta, or beta-tilde");
  flags.number("--threshold-quantile", values.threshold_quantile,
               "dynamic thresholding by this quantile of |x_0|, such as 0.995; 0: clipping", 0.0,
               1.0);
  flags.number("--threshold-max", values.threshold_max,
               "largest divisor of dynamic thresholding; at 1 it is clipping", 1.0, 1e6);
  flags.toggle("--no-clip", values.no_clip, "do not clip the predicted x_0 to [-1, 1]");
  flags.toggle("--raw-eps", values.raw_eps,
               "where x_0 was clipped keep the network's eps, as diffusers' DDIM does, in place of "
               "the one that goes with the clipped x_0");
}

ExecutorOptions executor_options(const ModelFlags& flags) {
  return {.ema = flags.weights == "ema",
          .device = flags.device,
          .precision = flags.precision,
          .threads = flags.threads};
}

Model open_model(const std::string& command, const ModelFlags& flags, const Backend& backend) {
  DDPM_CHECK(std::filesystem::exists(flags.checkpoint), command,
             ": --checkpoint: ", flags.checkpoint, " does not exist");
  const auto checkpoint = resolve_checkpoint(flags.checkpoint);
  const ModelConfig config = read_model_config(checkpoint);
  const Network network = backend.open_network(checkpoint, executor_options(flags));
  return {checkpoint, checkpoint_hash(checkpoint).substr(0, kHashDigits), config, network,
          NoisePredictor(network, make_schedule(config.schedule), config.prediction,
                         config.unet.learned_variance)};
}

Chain chain_of(const std::string& command, const SamplerFlags& flags, const ModelConfig& model) {
  const int64_t T = model.schedule.T;
  const SamplerKind kind = sampler_kind_from(flags.sampler);
  check_sampler_flags(command, flags, kind, T);
  const Variance variance =
      flags.variance == "checkpoint" ? model.variance : variance_from(flags.variance);
  Chain chain;
  try {
    chain.times = times_of(flags, make_schedule(model.schedule), steps_of(flags, kind, T));
  } catch (const InvalidArgument& error) {
    throw InvalidArgument(concat(command, ": ", error.what()));
  }
  chain.options.kind = kind;
  chain.options.variance = variance;
  chain.options.eta = flags.eta;
  chain.options.churn.amount = flags.churn;
  chain.options.clip_x0 = !flags.no_clip;
  chain.options.rederive_eps = !flags.raw_eps;
  chain.options.threshold_quantile = flags.threshold_quantile;
  chain.options.threshold_max = flags.threshold_max;
  chain.text = {{"Software", concat("ddpm ", kVersion)},
                {"sampler", flags.sampler},
                {"steps", std::to_string(chain.times.size() - 1)},
                {"spacing", spacing_text(flags)},
                {"clip", clip_text(flags)}};
  if (kind == SamplerKind::kAncestral) chain.text["variance"] = to_string(variance);
  if (kind == SamplerKind::kDdim) chain.text["eta"] = shortest(flags.eta);
  if (has_churn(kind)) chain.text["churn"] = shortest(flags.churn);
  if (flags.raw_eps) chain.text["eps"] = "raw";
  return chain;
}

std::string describe(const Model& model, const ModelFlags& flags) {
  const UNetConfig& unet = model.config.unet;
  return concat("checkpoint ", model.checkpoint.filename().string(), " (", flags.weights,
                " weights, ", with_thousands(count_parameters(unet)), " parameters, ", unet.height,
                "x", unet.width, ", ", unet.image_channels,
                unet.image_channels == 1 ? " channel)" : " channels)");
}

void add_model_flags(NextCommand& next, const ModelFlags& flags) {
  const ModelFlags defaults;
  next.flag("--checkpoint", flags.checkpoint)
      .flag_unless(defaults.weights, "--weights", flags.weights)
      .flag_unless(defaults.precision, "--precision", flags.precision)
      .flag_unless(defaults.device, "--device", flags.device)
      .flag_unless(defaults.threads, "--threads", flags.threads);
}

void add_sampler_flags(NextCommand& next, const SamplerFlags& flags) {
  const SamplerFlags defaults;
  next.flag_unless(defaults.sampler, "--sampler", flags.sampler)
      .flag_unless(defaults.steps, "--steps", flags.steps)
      .flag_unless(defaults.eta, "--eta", flags.eta)
      .flag_unless(defaults.churn, "--churn", flags.churn)
      .flag_unless(defaults.threshold_quantile, "--threshold-quantile", flags.threshold_quantile)
      .flag_unless(defaults.threshold_max, "--threshold-max", flags.threshold_max)
      .flag_unless(defaults.spacing, "--spacing", flags.spacing)
      .flag_unless(defaults.respacing, "--respacing", flags.respacing)
      .flag_unless(defaults.variance, "--variance", flags.variance);
  if (!flags.times.empty()) next.flag("--times", join(flags.times, ","));
  if (flags.no_clip) next.word("--no-clip");
  if (flags.raw_eps) next.word("--raw-eps");
}

}  // namespace ddpm
