// `ddpm convert`: the weights of another system as a checkpoint of ours.

#include "ddpm/jobs/convert.h"

#include <iostream>
#include <memory>

#include "ddpm/base/check.h"
#include "ddpm/base/text.h"
#include "ddpm/cli/commands.h"
#include "ddpm/cli/job_watch.h"
#include "ddpm/cli/schedule_flags.h"
#include "ddpm/terminal/job_files.h"
#include "ddpm/terminal/next_command.h"
#include "ddpm/terminal/output.h"
#include "ddpm/unet/parameters.h"

namespace ddpm {

namespace {

constexpr const char* kGroup = "Options";
constexpr const char* kBySystem = "by --from";

struct ConvertFlags {
  std::string from;
  std::string weights;
  std::string out;
  std::string schedule;
  ScheduleFlags process;
  std::string prediction;
  std::string variance;
  std::string attention_order;
  ConvertSettings settings;
};

// A whole number that may be left out.
void optional_integer(Flags& flags, const std::string& name, std::optional<int64_t>& value,
                      const std::string& help, int64_t most) {
  flags.custom(name, "N", help, kBySystem, kGroup, [&value, name, most](const std::string& given) {
    const auto number = parse_int(given);
    DDPM_CHECK(number && *number >= 1 && *number <= most, "convert: ", name,
               " must be a whole number in [1, ", most, "], got '", given, "'");
    value = number;
  });
}

void declare_network(Flags& flags, ConvertFlags& values) {
  constexpr int64_t kMost = 65536;
  ConvertSettings& settings = values.settings;
  optional_integer(flags, "--image-size", settings.image_size, "pixels a side", kMost);
  optional_integer(flags, "--heads", settings.heads, "heads of each attention", kMost);
  optional_integer(flags, "--head-channels", settings.head_channels,
                   "channels of each head, instead of --heads", kMost);
  flags.custom(
      "--attention-order", "legacy|new",
      "how queries, keys and values are stored, of openai-guided", kBySystem, kGroup,
      [&settings](const std::string& given) {
        DDPM_CHECK(given == "legacy" || given == "new",
                   "convert: --attention-order must be one of legacy, new, got '", given, "'");
        settings.attention_order = given == "new" ? QkvOrder::kPartsFirst : QkvOrder::kHeadsFirst;
      });
  flags.custom_switch(
      "--rescale-timesteps", "the network was given n * 1000 / T as its time, not n", kBySystem,
      kGroup,
      [&settings](const std::string& given) { settings.rescale_timesteps = given == "true"; });
  flags.custom("--dropout", "X", "of further training, in [0, 1)", "0", kGroup,
               [&settings](const std::string& given) {
                 const auto number = parse_double(given);
                 DDPM_CHECK(number && *number >= 0.0 && *number < 1.0,
                            "convert: --dropout must be a number in [0, 1), got '", given, "'");
                 settings.dropout = number;
               });
}

void declare_process(Flags& flags, ConvertFlags& values) {
  flags.custom("--schedule", "NAME", "one of " + join(named_schedules(), ", "), kBySystem, kGroup,
               [&values](const std::string& given) { values.schedule = given; });
  optional_integer(flags, "--T", values.settings.T, "the number of steps", Schedule::kMaxSteps);
  flags.number("--beta-1", values.process.beta_1, "where the betas begin, with --schedule", 0.0,
               1.0);
  flags.number("--beta-T", values.process.beta_T, "where they end, with --schedule", 0.0, 1.0);
  flags.text("--betas", values.process.betas, "B,B,..|FILE",
             "the betas of the schedule list, or a file of them");
  flags.custom("--prediction", "NAME", "what the network predicts: eps, x0, mean or v", "eps",
               kGroup, [&settings = values.settings](const std::string& given) {
                 settings.prediction = prediction_from(given);
               });
  flags.custom("--variance", "NAME",
               "of a step: fixed_large or fixed_small, or how a learned one is said: learned_range "
               "or learned",
               kBySystem, kGroup, [&settings = values.settings](const std::string& given) {
                 settings.variance = variance_from(given);
               });
}

std::shared_ptr<ConvertFlags> declare(Flags& flags) {
  auto values = std::make_shared<ConvertFlags>();
  flags.text("--from", values->from, join(source_system_names(), "|"),
             "the system that wrote the weights");
  flags.text("--weights", values->weights, "FILE.safetensors",
             "its state dictionary with its own names");
  flags.text("--out", values->out, "CHECKPOINT", "the folder to make");
  declare_network(flags, *values);
  declare_process(flags, *values);
  return values;
}

ConvertSettings settings_of(const ConvertFlags& flags) {
  ConvertSettings settings = flags.settings;
  const ScheduleFlags defaults;
  if (!flags.schedule.empty()) {
    settings.schedule = schedule_config("convert", flags.schedule, flags.process);
  }
  const bool ends =
      flags.process.beta_1 != defaults.beta_1 || flags.process.beta_T != defaults.beta_T;
  DDPM_CHECK(settings.schedule
                 ? flags.process.betas.empty() || settings.schedule->kind == ScheduleKind::kList
                 : !ends && flags.process.betas.empty(),
             "convert: --beta-1, --beta-T and --betas belong to a --schedule that has them, got ",
             flags.schedule.empty() ? "none" : "--schedule " + flags.schedule);
  return settings;
}

void check_files(const ConvertFlags& flags) {
  JobFiles files("convert");
  files.reads("--weights", flags.weights);
  files.reads("--betas", flags.process.betas);
  files.makes_folder("--out", flags.out);
  files.check();
}

void print_report(const ConvertedModel& converted) {
  std::cout << "found     " << counted(converted.taken, "tensor") << " of "
            << to_string(converted.system);
  if (!converted.prefix.empty()) std::cout << ", named " << converted.prefix << "*";
  std::cout << '\n';
  if (converted.outside > 0) {
    std::cout << "left      " << counted(converted.outside, "tensor") << " of other names\n";
  }
  for (const std::string& line : converted.assumed) std::cout << "assumed   " << line << '\n';
  std::cout << "written   " << with_thousands(count_parameters(converted.model.unet))
            << " parameters\n";
}

int run_convert(const ConvertFlags& flags, const std::string& program) {
  require_given("convert", "--from", flags.from, join(source_system_names(), ", "));
  require_given("convert", "--weights", flags.weights, "a state dictionary, a safetensors file");
  require_given("convert", "--out", flags.out, "the folder to make");
  const SourceSystem system = source_system_from(flags.from);
  const ConvertSettings settings = settings_of(flags);
  check_files(flags);
  const TerminalWatch watch(
      [&flags](const std::string&) { std::cout << absolute_text(flags.out) << std::endl; });
  print_report(convert(
      {.system = system, .weights = flags.weights, .settings = settings, .out = flags.out}, watch));
  std::cout << NextCommand(program, "info").word(flags.out).line() << std::endl;
  return 0;
}

}  // namespace

Command convert_command() {
  return {.name = "convert",
          .summary = "weights of another system as a checkpoint of ours",
          .example =
              "ddpm convert --from improved-diffusion --weights "
              "cifar10_uncond_50M_500K.safetensors \\\n"
              "    --schedule cosine --T 4000 --out checkpoints/cifar10",
          .needs_torch = false,
          .declare = [](Flags& flags) -> Action {
            auto values = declare(flags);
            return
                [values](const TorchHooks& hooks) { return run_convert(*values, hooks.program); };
          }};
}

}  // namespace ddpm
