#include "ddpm/convert/settings.h"

#include <algorithm>
#include <set>
#include <utility>

#include "ddpm/base/text.h"
#include "ddpm/unet/parameters.h"

namespace ddpm {

namespace {

constexpr int64_t kHeads = 4;            // the default of OpenAI's systems
constexpr int64_t kUnscaledT = 1000;     // at which n * 1000 / T is n
constexpr int64_t kTorchAttention = 16;  // pixels a side: where ddpm-torch's networks attend
constexpr int64_t kMostLevels = 10;
constexpr int64_t kOpenaiAttention[] = {8, 16, 32};  // pixels a side, of every published network

struct SizeRule {
  std::vector<int64_t> multipliers;
  int64_t image_size;
};
// [improved-diffusion] and [guided-diffusion], script_util.py.
const std::vector<SizeRule>& openai_sizes() {
  static const std::vector<SizeRule> rules = {
      {{1, 2, 2, 2}, 32}, {{1, 2, 3, 4}, 64}, {{1, 1, 2, 3, 4}, 128}, {{1, 1, 2, 2, 4, 4}, 256}};
  return rules;
}

std::string lower_word(QkvOrder order) { return order == QkvOrder::kHeadsFirst ? "legacy" : "new"; }

class Settler {
 public:
  Settler(const SourceLayout& layout, SourceSystem system, const ConvertSettings& settings)
      : unet_(layout.unet), system_(system), settings_(settings) {
    settled_.model.unet = layout.unet;
  }

  SettledModel settle() {
    refuse_what_the_system_has_not();
    settle_size();
    settle_heads();
    settle_process();
    settle_times();
    settled_.model.unet.dropout = given_or(settings_.dropout, 0.0, "--dropout", "dropout 0");
    unet_parameters(settled_.model.unet);  // which checks it
    return std::move(settled_);
  }

 private:
  bool openai() const { return system_ != SourceSystem::kDdpmTorch; }

  // What was given, or the default, which is then told.
  template <typename T>
  T given_or(const std::optional<T>& given, T otherwise, const char* flag,
             const std::string& text) {
    if (given) return *given;
    settled_.assumed.push_back(concat(text, " (", flag, ")"));
    return otherwise;
  }

  void refuse_unless(bool allowed, bool given, const char* flag, const char* systems) const {
    DDPM_CHECK(allowed || !given, "convert: ", flag, " is a setting of ", systems, ", got --from ",
               to_string(system_));
  }

  void refuse_what_the_system_has_not() const {
    const bool guided = system_ == SourceSystem::kGuidedDiffusion;
    refuse_unless(openai(), settings_.heads.has_value(), "--heads",
                  "improved-diffusion and openai-guided: ddpm-torch's attention has one head");
    refuse_unless(guided, settings_.head_channels.has_value(), "--head-channels", "openai-guided");
    refuse_unless(guided, settings_.attention_order.has_value(), "--attention-order",
                  "openai-guided");
    refuse_unless(openai(), settings_.rescale_timesteps.has_value(), "--rescale-timesteps",
                  "improved-diffusion and openai-guided");
    DDPM_CHECK(!settings_.heads || !settings_.head_channels,
               "convert: --heads and --head-channels say the same: give one of them");
  }

  // The size of the first level with attention if the images are of this size.
  std::vector<int64_t> attended_sizes(int64_t image_size) const {
    std::vector<int64_t> sizes;
    for (int64_t i = 0; i < unet_.level_count(); ++i) {
      const UNetLevel& level = unet_.level(i);
      if (level.attention_down || level.attention_up) {
        sizes.push_back(i < kMostLevels ? image_size >> i : 0);
      }
    }
    return sizes;
  }

  std::vector<int64_t> multipliers() const {
    std::vector<int64_t> multipliers;
    for (const UNetLevel& level : unet_.levels) {
      multipliers.push_back(unet_.base_channels() > 0 ? level.channels / unet_.base_channels() : 0);
    }
    return multipliers;
  }

  // By the multipliers in OpenAI's systems, by where attention is in ddpm-torch; 0 for neither.
  int64_t usual_size() const {
    if (!openai()) {
      for (int64_t i = 0; i < std::min(unet_.level_count(), kMostLevels); ++i) {
        if (unet_.level(i).attention_down) return kTorchAttention << i;
      }
      return 0;
    }
    for (const SizeRule& rule : openai_sizes()) {
      if (rule.multipliers == multipliers()) return rule.image_size;
    }
    return 0;
  }

  void settle_size() {
    const int64_t usual = usual_size();
    if (!settings_.image_size) {
      DDPM_CHECK(usual > 0, "convert: --image-size is required: channels of ",
                 join(multipliers(), ", "), " times ", unet_.base_channels(),
                 " are of no size that ", to_string(system_), " has");
      for (const int64_t size : openai() ? attended_sizes(usual) : std::vector<int64_t>()) {
        DDPM_CHECK(std::count(std::begin(kOpenaiAttention), std::end(kOpenaiAttention), size) > 0,
                   "convert: --image-size is required: channels of ", join(multipliers(), ", "),
                   " times ", unet_.base_channels(), " are of images of ", usual, "x", usual,
                   " pixels, but attention would be at ", size, "x", size);
      }
    }
    const int64_t size = given_or(settings_.image_size, usual, "--image-size",
                                  concat("images of ", usual, "x", usual, " pixels"));
    settled_.model.unet.height = settled_.model.unet.width = size;
  }

  // Channels of the layers with attention, the middle among them.
  std::set<int64_t> attended_widths() const {
    std::set<int64_t> widths = {unet_.levels.back().channels};
    for (const UNetLevel& level : unet_.levels) {
      if (level.attention_down || level.attention_up) widths.insert(level.channels);
    }
    return widths;
  }

  void settle_heads() {
    UNetConfig& unet = settled_.model.unet;
    if (!openai()) return;
    unet.head_channels =
        settings_.head_channels ? checked_head_channels() : head_channels_of_heads();
    settled_.order = QkvOrder::kHeadsFirst;
    if (system_ == SourceSystem::kGuidedDiffusion && unet.head_channels > 0) {
      settled_.order = given_or(settings_.attention_order, settled_.order, "--attention-order",
                                "attention order " + lower_word(settled_.order));
    }
  }

  int64_t checked_head_channels() const {
    const int64_t channels = *settings_.head_channels;
    for (const int64_t width : attended_widths()) {
      DDPM_CHECK(width % channels == 0,
                 "convert: --head-channels must divide the channels of each "
                 "attention, ",
                 width, " among them, got ", channels);
    }
    return channels;
  }

  int64_t head_channels_of_heads() {
    const int64_t heads = given_or(settings_.heads, kHeads, "--heads", concat(kHeads, " heads"));
    if (heads == 1) return 0;
    const std::set<int64_t> widths = attended_widths();
    for (const int64_t width : widths) {
      DDPM_CHECK(width % heads == 0,
                 "convert: --heads must divide the channels of each attention, ", width,
                 " among them, got ", heads);
    }
    const std::vector<int64_t> all(widths.begin(), widths.end());
    DDPM_CHECK(widths.size() == 1, "convert: --heads ", heads, " at attentions of ",
               join(all, " and "),
               " channels are heads of different widths, and the one "
               "attention_head_dim of a UNet2DModel cannot say them");
    return *widths.begin() / heads;
  }

  // Their linear schedule as ours with its ends scaled, for which diffusers has a word.
  static ScheduleConfig without_scale(ScheduleConfig config) {
    if (config.kind != ScheduleKind::kLinearScaled) return config;
    const double scale = 1000.0 / static_cast<double>(config.T);
    config.kind = ScheduleKind::kLinear;
    config.beta_1 *= scale;
    config.beta_T *= scale;
    return config;
  }

  void settle_schedule() {
    ScheduleConfig usual;
    if (openai()) usual.kind = ScheduleKind::kLinearScaled;
    ScheduleConfig config =
        given_or(settings_.schedule, usual, "--schedule", "schedule " + to_string(usual.kind));
    if (config.kind == ScheduleKind::kList) {
      config.T = std::ssize(config.betas);
      DDPM_CHECK(settings_.T.value_or(config.T) == config.T, "convert: --T is ", *settings_.T,
                 ", but --betas are ", config.T);
    } else {
      config.T = given_or(settings_.T, kUnscaledT, "--T", concat("T = ", kUnscaledT));
    }
    DDPM_CHECK(!(openai() && config.kind == ScheduleKind::kLinear && config.T != kUnscaledT),
               "convert: --schedule linear with T = ", config.T, ": what ", to_string(system_),
               " calls linear has its ends times 1000 / T, which is linear_scaled here; for other "
               "betas give a list");
    make_schedule(config);
    settled_.model.schedule = without_scale(config);
  }

  void settle_process() {
    settle_schedule();
    ModelConfig& model = settled_.model;
    model.prediction =
        given_or(settings_.prediction, Prediction::kEps, "--prediction", "prediction eps");
    check_prediction(model.prediction, make_schedule(model.schedule), "convert: --prediction");
    const int64_t outputs = unet_.output_channels();
    if (settings_.variance) {
      DDPM_CHECK(is_learned(*settings_.variance) == unet_.learned_variance, "convert: --variance ",
                 to_string(*settings_.variance), " does not go with a network of ",
                 unet_.image_channels, " input and ", outputs, " output channels");
      model.variance = *settings_.variance;
    } else if (unet_.learned_variance) {
      model.variance = Variance::kLearnedRange;
    } else {
      // ddpm-torch has beta-tilde for all but its network of CIFAR-10
      const bool small = !openai() && model.unet.height > 32;
      const Variance usual = small ? Variance::kFixedSmall : Variance::kFixedLarge;
      model.variance =
          given_or(settings_.variance, usual, "--variance", "variance " + to_string(usual));
    }
  }

  void settle_times() {
    const int64_t T = settled_.model.schedule.T;
    if (!openai() || T == kUnscaledT) return;
    const bool usual = system_ == SourceSystem::kImprovedDiffusion;
    const bool rescaled = given_or(
        settings_.rescale_timesteps, usual,
        usual ? "--no-rescale-timesteps" : "--rescale-timesteps",
        usual ? concat("times rescaled to n * 1000 / ", T) : "times as they are, not rescaled");
    if (rescaled) settled_.model.unet.learned_times = T;
  }

  const UNetConfig& unet_;  // as the file tells it
  SourceSystem system_;
  const ConvertSettings& settings_;
  SettledModel settled_;
};

}  // namespace

SettledModel settle(const SourceLayout& layout, SourceSystem system,
                    const ConvertSettings& settings) {
  return Settler(layout, system, settings).settle();
}

}  // namespace ddpm
