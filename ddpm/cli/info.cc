// `ddpm info`: what a run or a checkpoint is, without loading its network.

#include "ddpm/jobs/info.h"

#include <algorithm>
#include <filesystem>
#include <iostream>
#include <memory>

#include "ddpm/base/check.h"
#include "ddpm/base/text.h"
#include "ddpm/cli/commands.h"
#include "ddpm/cli/cpu_info.h"
#include "ddpm/diffusers/model_files.h"
#include "ddpm/export/origin.h"
#include "ddpm/jobs/chain.h"
#include "ddpm/jobs/schedules.h"
#include "ddpm/terminal/next_command.h"
#include "ddpm/terminal/output.h"
#include "ddpm/unet/parameters.h"
#include "ddpm/unet/work.h"

namespace ddpm {

namespace {

namespace fs = std::filesystem;

void line(const std::string& key, const std::string& value) {
  std::cout << key << std::string(key.size() < 18 ? 18 - key.size() : 1, ' ') << value << '\n';
}

// What the paper's networks do not have.
std::vector<std::string> unusual_options(const UNetConfig& unet) {
  std::vector<std::string> options;
  const auto add = [&](bool given, const std::string& text) {
    if (given) options.push_back(text);
  };
  const auto resamples_in_block = [](const UNetLevel& level) {
    return level.down == Resampling::kResidualBlock || level.up == Resampling::kResidualBlock;
  };
  add(unet.head_channels > 0, concat("heads of ", unet.head_channels, " channels"));
  add(unet.scale_shift, "the time scales and shifts");
  add(std::any_of(unet.levels.begin(), unet.levels.end(), resamples_in_block),
      "resampling in residual blocks");
  add(unet.downsample_padding == 1, "padding around");
  add(unet.cosine_first, "cosines first");
  add(unet.frequency_shift != 1 && unet.learned_times == 0,
      concat("frequency shift ", unet.frequency_shift));
  add(unet.learned_times > 0, concat("a table of ", unet.learned_times, " times"));
  add(unet.time_channels > 0, concat("a time embedding of ", unet.time_channels, " channels"));
  add(unet.classes > 0, concat(unet.classes, " classes"));
  add(unet.center_input, "input 2 x - 1");
  add(unet.middle_scale != 1.0, concat("middle scale ", shortest(unet.middle_scale)));
  add(unet.middle_attention_groups > 0,
      concat("middle attention of ", unet.middle_attention_groups, " groups"));
  return options;
}

void print_network(const UNetConfig& unet) {
  line("images", concat(unet.height, "x", unet.width, ", ", unet.image_channels,
                        unet.image_channels == 1 ? " channel" : " channels"));
  std::vector<int64_t> widths;
  std::vector<std::string> attention;
  for (int64_t i = 0; i < unet.level_count(); ++i) {
    const UNetLevel& level = unet.level(i);
    widths.push_back(level.channels);
    if (!level.attention_down && !level.attention_up) continue;
    const char* way = level.attention_down && level.attention_up ? ""
                      : level.attention_down                     ? " down"
                                                                 : " up";
    attention.push_back(concat(unet.height >> i, way));
  }
  if (unet.middle_attention) attention.emplace_back("the middle");
  line("network", concat("U-Net of ", unet.level_count(), " levels, ", join(widths, ", "),
                         " channels; ", unet.blocks_per_level, " blocks a level; attention at ",
                         attention.empty() ? "no level" : join(attention, ", ")));
  line("normalisation", concat(unet.norm_groups, " groups, epsilon ", shortest(unet.norm_epsilon)));
  const std::vector<std::string> unusual = unusual_options(unet);
  if (!unusual.empty()) line("unlike the paper", join(unusual, ", "));
  line("dropout", shortest(unet.dropout));
  line("parameters", with_thousands(count_parameters(unet)));
  line("multiply-adds", with_thousands(count_multiply_adds(unet)) + " an image");
}

void print_process(const ModelConfig& model) {
  line("schedule", schedule_text(model.schedule));
  line("prediction", to_string(model.prediction));
  line("variance", to_string(model.variance));
  line("sampled by", concat(sampling_text(model.sampling), ", as ",
                            to_string(model.sampling.scheduler), " says"));
  for (const std::string& key : model.sampling.passed_over) {
    line("passed over", concat(key, ", which is of another scheduler"));
  }
}

void print_training(const TrainingState& state) {
  line("step", concat(with_thousands(state.step), " of ", with_thousands(state.config.steps)));
  const double epochs = static_cast<double>(state.images_seen) /
                        static_cast<double>(std::max<int64_t>(state.data_images, 1));
  line("images seen", concat(with_thousands(state.images_seen), ", ", readable_epochs(epochs),
                             " of ", with_thousands(state.data_images), " images"));
  line("skipped updates", std::to_string(state.skipped_updates));
  line("EMA", concat("decay ", shortest(state.config.ema_decay), ", rule ",
                     name_of(kEmaRules, state.config.ema_rule), ", ",
                     with_thousands(state.ema_updates), " updates"));
  line("loss", loss_text(state.config));
  line("seed", std::to_string(state.config.seed));
  line("data", state.config.data);
  line("data fingerprint", state.data_fingerprint);
}

std::string dtypes_text(const std::vector<DType>& dtypes) {
  std::vector<std::string> names;
  for (const DType dtype : dtypes) names.emplace_back(name_of(dtype));
  return join(names, ", ");
}

void print_folder(const CheckpointInfo& info, const WeightsInfo& weights) {
  const ModelFolder& folder = info.folder;
  const WeightsFiles& files = info.weights;
  line("layout", layout_text(folder));
  const std::string index = files.index.lexically_relative(folder.root).string();
  line("files", files.index.empty()
                    ? weights.files.front()
                    : concat(counted(std::ssize(weights.files), "shard"), " of ", index));
  line("dtype", dtypes_text(weights.dtypes));
  if (!files.variant.empty()) line("variant", files.variant);
  if (!files.variants.empty()) line("variants there", join(files.variants, ", "));
  const std::vector<std::string> of_network = defaults_of_network(folder);
  if (!of_network.empty()) line("not in config.json", join(of_network, ", "));
  const std::vector<std::string> of_scheduler = defaults_of_scheduler(folder);
  if (!of_scheduler.empty()) line("not in the scheduler", join(of_scheduler, ", "));
  if (folder.scheduler.empty()) {
    line("no scheduler", "the process is a DDPMScheduler's with nothing said");
  }
}

std::string weights_text(const ModelFolder& folder) {
  if (folder.kind != FolderKind::kTraining) return "one set; which one the folder does not say";
  const bool ema = fs::exists(folder.root / "unet_ema");
  const bool raw = fs::exists(folder.root / "unet");
  return ema && raw ? "ema, raw" : ema ? "ema" : "one set, unet/";
}

// Of a checkpoint that no run made.
void print_origin(const CheckpointInfo& info) {
  const auto origin = read_origin(info.checkpoint);
  const std::string known = origin ? origin->weights : "";
  line("weights", known.empty() ? weights_text(info.folder)
                                : concat("one set, ", known, ", as ", kOriginName, " says"));
  if (origin && origin->step) line("step", with_thousands(*origin->step));
  if (origin) line("exported from", origin->source);
}

struct InfoFlags {
  std::string path;
  std::string variant;
  bool cpu = false;
};

int run_info(const InfoFlags& flags, const std::string& program) {
  const std::string& path = flags.path;
  if (flags.cpu) {
    DDPM_CHECK(path.empty(), "info: --cpu is of this machine and takes no PATH, got ", path);
    std::cout << cpu_text() << std::endl;
    return 0;
  }
  require_given("info", "PATH", path, "a run or a checkpoint folder");
  const CheckpointInfo info = inspect({.path = path, .variant = flags.variant});
  line("checkpoint", absolute_text(info.checkpoint));
  for (const UnusableCheckpoint& one : info.passed_over) line("passed over", fault_text(one));
  print_folder(info, inspect_weights(info));
  print_network(info.model.unet);
  print_process(info.model);
  if (const auto state = inspect_training(info)) {
    print_training(*state);
    line("weights", "ema, raw");
  } else {
    print_origin(info);
  }
  line("hash", info.hash);
  NextCommand next(program, "sample");
  next.flag("--checkpoint", path).flag_unless(std::string(), "--variant", flags.variant);
  std::cout << next.flag("--out", "samples").line() << std::endl;
  return 0;
}

}  // namespace

Command info_command() {
  return {.name = "info",
          .summary = "what a run or a checkpoint is, or what the engine makes of this CPU",
          .example = "ddpm info runs/clothes",
          .needs_torch = false,
          .declare = [](Flags& flags) -> Action {
            auto values = std::make_shared<InfoFlags>();
            flags.text("path,--checkpoint", values->path, "PATH",
                       "a run (its newest checkpoint), a checkpoint or a folder of diffusers'");
            flags.text("--variant", values->variant, "NAME", "of the weights, such as fp16");
            flags.toggle("--cpu", values->cpu, "what the engine finds on this machine");
            return [values](const TorchHooks& hooks) { return run_info(*values, hooks.program); };
          }};
}

}  // namespace ddpm
