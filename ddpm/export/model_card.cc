#include "ddpm/export/model_card.h"

#include <algorithm>
#include <filesystem>
#include <nlohmann/json.hpp>
#include <set>

#include "ddpm/base/check.h"
#include "ddpm/base/text.h"
#include "ddpm/export/legacy.h"
#include "ddpm/export/pipeline_limits.h"
#include "ddpm/unet/parameters.h"

namespace ddpm {

namespace {

constexpr int kLossDecimals = 4;

// Settings of the place where a run ran, and of what it kept and showed: they change no number.
const std::set<std::string>& settings_of_the_place() {
  static const std::set<std::string> keys = {
      "device",     "threads",       "data_cache_bytes", "loader_threads", "time_limit",
      "save_every", "max_bad_steps", "sample_every",     "log_every",      "keep_last",
      "keep_every", "sampler",       "sample_steps",     "sample_count"};
  return keys;
}

// Text of somebody else between backticks.
std::string code(std::string text) {
  std::replace(text.begin(), text.end(), '`', '\'');
  return "`" + text + "`";
}

std::string last_part(const std::string& path) {
  const std::filesystem::path clean = std::filesystem::path(path).lexically_normal();
  return clean.has_filename() ? clean.filename().string() : clean.parent_path().filename().string();
}

std::string flag_of(const ConfigField& field, const TrainConfig& config) {
  std::string name = field.key;
  std::replace(name.begin(), name.end(), '_', '-');
  if (field.is_switch) {
    return (field.get(config) == true ? " --" : " --no-") + name;
  }
  std::string value = field.text(config);
  if (field.key == "data") value = last_part(value);
  if (field.key == "betas") value = "betas.txt";
  return concat(" --", name, " ", shell_word(value));
}

std::string front_matter(const CardFacts& facts) {
  std::string text = "---\nlibrary_name: diffusers\n";
  if (!facts.license.empty()) text += concat("license: ", facts.license, "\n");
  return text +
         "pipeline_tag: unconditional-image-generation\n"
         "tags:\n- unconditional-image-generation\n- ddpm\n- diffusers\n---\n\n";
}

std::string size_text(const UNetConfig& unet) {
  return concat(unet.height, "x", unet.width, " with ", counted(unet.image_channels, "channel"));
}

std::string introduction(const CardFacts& facts) {
  const ModelConfig& model = facts.model;
  std::string text = concat("# ", facts.name, "\n\nA denoising diffusion probabilistic model of ",
                            "images of ", size_text(model.unet), ", ",
                            with_thousands(count_parameters(model.unet)), " parameters.\n");
  if (facts.old_form) {
    text += concat("\nIts names and descriptions are those of diffusers ", old_diffusers_version(),
                   "; today's diffusers renames as it reads.\n");
  }
  return text;
}

std::string row(const std::string& key, const std::string& value) {
  return concat("| ", key, " | ", value, " |\n");
}

std::string schedule_row(const ScheduleConfig& schedule) {
  std::string text = concat(to_string(schedule.kind), ", T = ", schedule.T);
  if (has_ends(schedule.kind)) {
    text += concat(", beta from ", shortest(schedule.beta_1), " to ", shortest(schedule.beta_T));
  }
  return text + (schedule.zero_terminal_snr ? ", rescaled to zero terminal SNR" : "");
}

std::string model_rows(const CardFacts& facts) {
  const ExportOrigin& origin = facts.origin;
  std::string text = "\n| | |\n|---|---|\n";
  text += row("network", concat("UNet2DModel, ", counted(facts.model.unet.level_count(), "level")));
  text += row("noise schedule", schedule_row(facts.model.schedule));
  text += row("the network predicts", to_string(facts.model.prediction));
  text += row("variance of a reverse step", to_string(facts.model.variance));
  if (origin.weights == "ema") text += row("weights", "their moving average in training (EMA)");
  if (origin.weights == "raw") text += row("weights", "as the optimiser left them, not averaged");
  text += row("numbers", origin.dtype);
  if (origin.step) text += row("step", with_thousands(*origin.step));
  text += row("SHA-256 of the checkpoint", code(origin.source));
  for (const std::string& limit : pipeline_limits(facts.model)) {
    text += concat("\n**Note:** ", limit, ".\n");
  }
  return text;
}

std::string training_rows(const TrainingState& state) {
  const TrainConfig& config = state.config;
  const double epochs = static_cast<double>(state.images_seen) /
                        static_cast<double>(std::max<int64_t>(state.data_images, 1));
  std::string text = "\n## Training\n\n| | |\n|---|---|\n";
  text +=
      row("data", concat(code(last_part(config.data)), ", ", counted(state.data_images, "image")));
  text += row("fingerprint of the data", code(state.data_fingerprint));
  text += row("steps", concat(with_thousands(state.step), " of ", with_thousands(config.steps),
                              ", ", config.batch_size, " images each"));
  text +=
      row("images seen", concat(with_thousands(state.images_seen), ", ", readable_epochs(epochs)));
  text += row("updates left out, not finite", with_thousands(state.skipped_updates));
  text += row("seed", std::to_string(config.seed));
  text += row("loss", loss_text(config));
  text += row("dropout", shortest(config.dropout));
  text += row("learning rate", concat(shortest(config.learning_rate), ", ",
                                      name_of(kLearningRateDecays, config.learning_rate_decay),
                                      ", warm-up of ", counted(config.warmup, "step")));
  text += row("EMA", concat("decay ", shortest(config.ema_decay), ", rule ",
                            name_of(kEmaRules, config.ema_rule), ", ",
                            counted(state.ema_updates, "update")));
  return text + concat("\n```\n", training_command(config), "\n```\n");
}

std::string log_rows(const MetricsRow& line, int64_t T) {
  std::string text = concat("\n## The log's last line\n\nOf step ", with_thousands(line.step),
                            ", means over the steps since the line before.\n\n| | |\n|---|---|\n");
  if (line.loss) text += row("loss", with_decimals(*line.loss, kLossDecimals));
  const size_t bins = line.loss_by_t.size();
  for (size_t i = 0; i < bins; ++i) {
    if (!line.loss_by_t[i]) continue;
    const auto edge = [&](size_t k) {
      return shortest(static_cast<double>(k) * static_cast<double>(T) / static_cast<double>(bins));
    };
    text += row(concat("loss of the images with t in (", edge(i), ", ", edge(i + 1), "]"),
                with_decimals(*line.loss_by_t[i], kLossDecimals));
  }
  return text;
}

// T is named, because the pipeline asks for 1000 steps otherwise, whatever T is.
std::string python_of(const CardFacts& facts) {
  const std::string narrow = facts.origin.dtype == "fp16"   ? ", torch_dtype=torch.float16"
                             : facts.origin.dtype == "bf16" ? ", torch_dtype=torch.bfloat16"
                                                            : "";
  const std::string import = narrow.empty() ? "" : "import torch\n";
  const std::string name = json_line(Json(facts.name));
  if (!pipeline_limits(facts.model).empty()) {
    return concat(import,
                  "from diffusers import UNet2DModel\n\nunet = UNet2DModel.from_pretrained(", name,
                  ", subfolder=\"unet\"", narrow, ")\nanswer = unet(x, t - 1).sample  # x: [N, ",
                  facts.model.unet.image_channels, ", ", facts.model.unet.height, ", ",
                  facts.model.unet.width, "], t in 1 .. ", facts.model.schedule.T, "\n");
  }
  return concat(import, "from diffusers import DDPMPipeline\n\n",
                "pipeline = DDPMPipeline.from_pretrained(", name, narrow, ")\n",
                "images = pipeline(batch_size=4, num_inference_steps=", facts.model.schedule.T,
                ").images\nimages[0].save(\"0.png\")\n");
}

std::string usage(const CardFacts& facts) {
  const char* old_weights =
      "\nReleases of diffusers before 0.11 want the weights as torch.save writes them:\n\n"
      "```python\nimport torch\nfrom safetensors.torch import load_file\n\n"
      "weights = load_file(\"unet/diffusion_pytorch_model.safetensors\")\n"
      "torch.save(weights, \"unet/diffusion_pytorch_model.bin\")\n```\n";
  return concat("\n## Use\n\nWith diffusers, from the folder above this one:\n\n```python\n",
                python_of(facts), "```\n", facts.old_form ? old_weights : "",
                "\nWith ddpm:\n\n```\nddpm sample --checkpoint ", shell_word(facts.name),
                " --out samples --count 64\n```\n\nExported by\n\n```\n", facts.command, "\n```\n");
}

}  // namespace

std::string training_command(const TrainConfig& config) {
  const TrainConfig defaults;
  std::string text = "ddpm train";
  for (const ConfigField& field : train_config_fields()) {
    if (settings_of_the_place().count(field.key) > 0) continue;
    if (field.get(config) != field.get(defaults)) text += flag_of(field, config);
  }
  return text + " --out RUN";
}

std::string model_card(const CardFacts& facts) {
  std::string text = front_matter(facts) + introduction(facts) + model_rows(facts);
  if (facts.training) text += training_rows(*facts.training);
  if (facts.last_log_line) text += log_rows(*facts.last_log_line, facts.model.schedule.T);
  return text + usage(facts);
}

}  // namespace ddpm
