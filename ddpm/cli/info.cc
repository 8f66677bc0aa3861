// `ddpm info`: what a run or a checkpoint is, without loading its network.

#include <filesystem>
#include <iostream>
#include <memory>

#include "ddpm/base/check.h"
#include "ddpm/base/text.h"
#include "ddpm/checkpoints/diffusers.h"
#include "ddpm/checkpoints/store.h"
#include "ddpm/cli/commands.h"
#include "ddpm/terminal/next_command.h"
#include "ddpm/terminal/output.h"

namespace ddpm {

namespace {

namespace fs = std::filesystem;

void line(const std::string& key, const std::string& value) {
  std::cout << key << std::string(key.size() < 18 ? 18 - key.size() : 1, ' ') << value << '\n';
}

void print_network(const UNetConfig& unet) {
  line("images", concat(unet.height, "x", unet.width, ", ", unet.image_channels,
                        unet.image_channels == 1 ? " channel" : " channels"));
  line("network",
       concat("U-Net of ", unet.levels(), " levels, ", unet.base_channels, " channels times ",
              join(unet.channel_multipliers, ", "), "; ", unet.blocks_per_level,
              " blocks a level; attention at ",
              unet.attention_resolutions.empty() ? "the middle only"
                                                 : join(unet.attention_resolutions, ", ")));
  line("normalisation", concat(unet.norm_groups, " groups, epsilon ", shortest(unet.norm_epsilon)));
  line("dropout", shortest(unet.dropout));
  line("parameters", with_thousands(count_parameters(unet)));
  line("multiply-adds", with_thousands(count_multiply_adds(unet)) + " an image");
}

void print_process(const ModelConfig& model) {
  const ScheduleConfig& schedule = model.schedule;
  line("schedule",
       concat(to_string(schedule.kind), ", T = ", schedule.T,
              has_ends(schedule.kind) ? concat(", beta from ", shortest(schedule.beta_1), " to ",
                                               shortest(schedule.beta_T))
                                      : "",
              schedule.zero_terminal_snr ? ", rescaled to zero terminal SNR" : ""));
  line("prediction", to_string(model.prediction));
  line("variance", to_string(model.variance));
}

void print_training(const fs::path& checkpoint) {
  const TrainingState state = read_training_state(checkpoint);
  line("step", concat(with_thousands(state.step), " of ", with_thousands(state.config.steps)));
  const double epochs = static_cast<double>(state.images_seen) /
                        static_cast<double>(std::max<int64_t>(state.data_images, 1));
  line("images seen", concat(with_thousands(state.images_seen), ", ", readable_epochs(epochs),
                             " of ", with_thousands(state.data_images), " images"));
  line("skipped updates", std::to_string(state.skipped_updates));
  line("EMA", concat("decay ", shortest(state.config.ema_decay), ", rule ", state.config.ema_rule,
                     ", ", with_thousands(state.ema_updates), " updates"));
  line("loss", loss_text(state.config));
  line("seed", std::to_string(state.config.seed));
  line("data", state.config.data);
  line("data fingerprint", state.data_fingerprint);
}

int run_info(const std::string& path, const std::string& program) {
  require_given("info", "PATH", path, "a run or a checkpoint folder");
  DDPM_CHECK(fs::exists(path), "info: ", path, " does not exist");
  std::vector<std::string> passed_over;
  const fs::path checkpoint = resolve_checkpoint(path, &passed_over);
  const ModelConfig model = read_model_config(checkpoint);
  const std::string hash = checkpoint_hash(checkpoint);
  line("checkpoint", absolute_text(checkpoint));
  for (const std::string& reason : passed_over) line("passed over", reason);
  print_network(model.unet);
  print_process(model);
  if (has_training_state(checkpoint)) {
    print_training(checkpoint);
    line("weights", "ema, raw");
  } else {
    line("weights", "one set; which one the folder does not say");
  }
  line("hash", hash);
  NextCommand next(program, "sample");
  std::cout << next.flag("--checkpoint", path).flag("--out", "samples").line() << std::endl;
  return 0;
}

}  // namespace

Command info_command() {
  return {.name = "info",
          .summary = "what a run or a checkpoint is",
          .example = "ddpm info runs/clothes",
          .needs_torch = false,
          .declare = [](Flags& flags) -> Action {
            auto path = std::make_shared<std::string>();
            flags.text("path,--checkpoint", *path, "PATH",
                       "a run (its newest checkpoint) or a checkpoint folder");
            return [path](const Backend& backend) { return run_info(*path, backend.program); };
          }};
}

}  // namespace ddpm
