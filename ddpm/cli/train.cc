// `ddpm train` and `ddpm plan`: the same flags, one makes a run of them and the other only looks.

#include <algorithm>
#include <filesystem>
#include <iostream>
#include <map>
#include <memory>
#include <nlohmann/json.hpp>
#include <numeric>
#include <optional>

#include "ddpm/base/check.h"
#include "ddpm/base/file.h"
#include "ddpm/base/text.h"
#include "ddpm/checkpoints/run_folder.h"
#include "ddpm/checkpoints/store.h"
#include "ddpm/checkpoints/warm_start.h"
#include "ddpm/cli/commands.h"
#include "ddpm/cli/data_flags.h"
#include "ddpm/cli/plan_job.h"
#include "ddpm/cli/train_job.h"
#include "ddpm/cli/train_request.h"
#include "ddpm/config/field_codec.h"
#include "ddpm/config/presets.h"
#include "ddpm/config/train_config.h"
#include "ddpm/diffusers/model_files.h"
#include "ddpm/terminal/job_files.h"
#include "ddpm/terminal/next_command.h"

namespace ddpm {

namespace {

namespace fs = std::filesystem;

constexpr int64_t kLargestConfig = int64_t{1} << 20;

struct TrainFlags {
  std::string command;
  std::string out;
  std::string resume;
  std::string preset;
  std::string config_file;
  bool allow_other_data = false;
  std::string fit_time;
  std::map<std::string, std::string> given;  // configuration keys of the command line, as text
};

std::string flag_of(std::string key) {
  for (char& c : key) {
    if (c == '_') c = '-';
  }
  return "--" + key;
}

// Checks the text at once, so that the error names the flag.
void take_field(TrainFlags& flags, const ConfigField& field, const std::string& text) {
  try {
    field.check_text(text);
  } catch (const InvalidArgument& error) {
    throw InvalidArgument(concat(flags.command, ": ", flag_of(field.key), ": ", error.what()));
  }
  flags.given[field.key] = text;
}

void declare_fields(Flags& flags, const std::shared_ptr<TrainFlags>& values) {
  const TrainConfig defaults;
  for (const ConfigField& field : train_config_fields()) {
    const auto set = [values, &field](const std::string& text) {
      take_field(*values, field, text);
    };
    const std::string shown = field.text(defaults);
    if (field.is_switch) {
      flags.custom_switch(flag_of(field.key), field.help, shown, "Configuration", set);
    } else {
      flags.custom(flag_of(field.key), field.metavar, field.help, shown, "Configuration", set);
    }
  }
}

// The names, with those of one table's rows as a pattern.
std::string shown_presets() {
  std::vector<std::string> names;
  for (const std::string& name : preset_names()) {
    if (name.rfind("table2-", 0) != 0) names.push_back(name);
  }
  return join(names, ", ") +
         ", or a row of the paper's table 2, table2-mean|eps|x0-bound|simple-learned|fixed";
}

std::shared_ptr<TrainFlags> declare(Flags& flags) {
  auto values = std::make_shared<TrainFlags>();
  values->command = flags.command();
  if (flags.command() == "train") {
    flags.text("--out", values->out, "RUN", "the run folder to make, new or empty");
    flags.text("--resume", values->resume, "RUN", "go on with this run, with its configuration");
    flags.toggle("--allow-other-data", values->allow_other_data,
                 "resume although the data are not those that the run began with");
  }
  if (flags.command() == "plan") {
    flags.text("--out", values->out, "RUN", "the run folder of the command that is suggested");
    flags.text("--fit-time", values->fit_time, "TIME",
               "also say how many steps fit into this time, e.g. 90s, 6m, 2h");
  }
  flags.text("--preset", values->preset, "NAME",
             "start from this configuration: " + shown_presets());
  flags.text("--config", values->config_file, "FILE",
             "start from this configuration, a JSON file of the keys below with _ for -");
  declare_fields(flags, values);
  return values;
}

TrainConfig base_config(const TrainFlags& flags) {
  DDPM_CHECK(flags.preset.empty() || flags.config_file.empty(), flags.command,
             ": wanted --preset or --config, got both");
  if (!flags.preset.empty()) return preset(flags.preset);
  if (flags.config_file.empty()) return {};
  const std::string who = flags.command + ": " + flags.config_file;
  DDPM_CHECK(fs::exists(flags.config_file), flags.command, ": --config: ", flags.config_file,
             " does not exist");
  try {
    return train_config_from_json(parse_json(read_file(flags.config_file, kLargestConfig), who),
                                  who);
  } catch (const FormatError& error) {
    throw InvalidArgument(error.what());  // a file that the caller wrote
  }
}

// The same words as of --time-limit, read by the same code.
double seconds_of(const std::string& text) {
  const std::optional<double> seconds = duration().from_text(text);
  DDPM_CHECK(seconds, "plan: --fit-time must be a time such as 90s, 6m or 2h, got '", text, "'");
  return *seconds;
}

// The keys that a preset or a file sets to another value than their default.
std::vector<std::string> changed_keys(const TrainConfig& config) {
  std::vector<std::string> keys;
  for (const ConfigField& field : train_config_fields()) {
    if (field.get(config) != field.get(TrainConfig())) keys.push_back(field.key);
  }
  return keys;
}

// What the checkpoint of --init-from says, but for the keys that the command line, the preset or
// the file name.
TrainConfig begun_from_checkpoint(const TrainFlags& flags, TrainConfig config,
                                  std::vector<std::string> named) {
  DDPM_CHECK(fs::exists(config.init_from), flags.command, ": --init-from: ", config.init_from,
             " does not exist");
  for (const auto& given : flags.given) named.push_back(given.first);
  config.init_from = fs::absolute(config.init_from).lexically_normal().string();
  const auto checkpoint = require_checkpoint(flags.command, "--init-from", config.init_from);
  return config_begun_from(config, read_model_config(checkpoint), named);
}

// Defaults that the values which were named make impossible. `named` by the file or the flags.
void fit_defaults(TrainConfig& config, const std::vector<std::string>& named) {
  const auto is_named = [&](const char* key) { return std::ranges::count(named, key) > 0; };
  if (!is_named("T") && config.schedule == ScheduleKind::kList && !config.betas.empty()) {
    config.T = std::ssize(config.betas);
  }
  if (!is_named("sample_steps")) config.sample_steps = std::min(config.sample_steps, config.T);
  const int64_t groups = std::gcd(config.norm_groups, config.base_channels);
  if (is_named("norm_groups") || groups == config.norm_groups) return;
  std::cout << "norm_groups " << groups << ": " << config.base_channels
            << " base channels are no multiple of " << config.norm_groups << ", the default\n";
  config.norm_groups = groups;
}

TrainRequest request_of(const TrainFlags& flags) {
  TrainRequest request;
  request.config = base_config(flags);
  const std::vector<std::string> changed = changed_keys(request.config);
  for (const auto& [key, text] : flags.given) {
    train_config_field(key).set_text(request.config, text);
    request.given_keys.push_back(key);
  }
  for (const std::string& key : network_keys()) {
    DDPM_CHECK(flags.given.count("network") == 0 || flags.given.count(key) == 0, flags.command,
               ": --network and ", flag_of(key), " exclude each other");
  }
  if (!request.config.init_from.empty() && flags.resume.empty()) {
    request.config = begun_from_checkpoint(flags, request.config, changed);
  }
  std::vector<std::string> named = request.given_keys;
  if (flags.preset.empty()) named.insert(named.end(), changed.begin(), changed.end());
  if (flags.resume.empty()) fit_defaults(request.config, named);
  request.allow_other_data = flags.allow_other_data;
  if (!flags.fit_time.empty()) request.fit_seconds = seconds_of(flags.fit_time);
  return request;
}

// Of a new run; a plan writes nothing.
void check_files(const TrainFlags& flags, const TrainConfig& config) {
  JobFiles files(flags.command);
  files.reads("--config", flags.config_file);
  files.reads("--init-from", config.init_from);
  add_data(files, "--data", config.data);
  if (flags.command == "train") files.writes_into("--out", flags.out);
  files.check();
}

// Whatever can be said before LibTorch is loaded is said here.
TrainRequest checked_request(const TrainFlags& flags) {
  DDPM_CHECK(flags.resume.empty() || flags.out.empty(), flags.command,
             ": wanted --out for a new run or --resume for an old one, got both");
  if (!flags.resume.empty()) {
    DDPM_CHECK(flags.preset.empty() && flags.config_file.empty(), flags.command,
               ": --resume takes its configuration from the run; --preset and --config do not go "
               "with it");
    TrainRequest request = request_of(flags);
    request.resume = true;
    request.run = flags.resume;
    DDPM_CHECK(fs::exists(request.run / "config.json"), flags.command, ": --resume: ", flags.resume,
               " is not a run folder (no config.json in it)");
    return request;
  }
  TrainRequest request = request_of(flags);
  if (flags.command == "train") {
    require_given(flags.command, "--out", flags.out, "the run folder to make");
    request.run = flags.out;
    check_run_is_new(request.run);
  }
  if (!flags.out.empty()) {
    check_apart_from_data(flags.command + ": --out: ", flags.out, request.config.data);
  }
  // a plan needs no images where the configuration says how large they are
  const bool extents_known = request.config.height > 0 && request.config.channels > 0;
  if (flags.command == "plan" && request.config.data.empty() && extents_known) {
    request.config.data = "none";
    check_train_config(request.config, flags.command);
    request.config.data.clear();
    return request;
  }
  require_given(flags.command, "--data", request.config.data,
                "fashion-mnist, a folder of images, an archive, an IDX file or a CIFAR-10 folder");
  check_train_config(request.config, flags.command);
  check_files(flags, request.config);
  return request;
}

// The command that trains what `plan` was asked about.
std::string training_of(const TrainFlags& flags, const std::string& program) {
  NextCommand next(program, "train");
  next.flag_unless(std::string(), "--preset", flags.preset);
  next.flag_unless(std::string(), "--config", flags.config_file);
  for (const auto& [key, text] : flags.given) {
    const bool is_switch = train_config_field(key).is_switch;
    const std::string name = flag_of(key);
    if (!is_switch) next.flag(name, text);
    if (is_switch) next.word(text == "true" ? name : "--no-" + name.substr(2));
  }
  return next.flag("--out", flags.out.empty() ? "runs/new" : flags.out).line();
}

// The checks run in either program, before and after the hand-over.
Action action_of(const std::shared_ptr<TrainFlags>& flags) {
  return [flags](const TorchHooks& hooks) {
    TrainRequest request = checked_request(*flags);
    request.program = hooks.program;
    request.began = hooks.began;
    if (flags->command == "train") return run_train(request, hooks);
    request.next = training_of(*flags, hooks.program);
    return run_plan(request, hooks);
  };
}

}  // namespace

Command train_command() {
  return {.name = "train",
          .summary = "train a network on a set of images",
          .example = "ddpm train --preset fashion-mnist --data fashion-mnist --out runs/clothes",
          .needs_torch = true,
          .declare = [](Flags& flags) { return action_of(declare(flags)); }};
}

Command plan_command() {
  return {.name = "plan",
          .summary = "what training would cost: parameters, memory, time; trains nothing",
          .example = "ddpm plan --preset cifar10 --data cifar-10-batches-bin",
          .needs_torch = true,
          .declare = [](Flags& flags) { return action_of(declare(flags)); }};
}

}  // namespace ddpm
