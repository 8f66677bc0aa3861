#include "ddpm/unet/config.h"

#include <algorithm>

#include "ddpm/base/check.h"
#include "ddpm/base/text.h"
#include "ddpm/unet/config_internal.h"
#include "ddpm/unet/parameters.h"

namespace ddpm {

namespace {

// What a configuration may ask for. Far above any network in use, and low enough that no product
// of them overflows and that a hostile file fails before anything is allocated for it.
constexpr int64_t kMostPixelsASide = 16384;
constexpr int64_t kMostChannels = 65536;
constexpr int64_t kMostLevels = 10;
constexpr int64_t kMostBlocks = 64;
constexpr int64_t kMostRows = 1'000'000;  // of a table: times or classes
constexpr int64_t kMostParameters = int64_t{1} << 36;

void check_range(const char* field, int64_t value, int64_t least, int64_t most) {
  DDPM_CHECK(value >= least && value <= most, "unet: ", field, " must be in ", least, " to ", most,
             ", got ", value);
}

void check_levels(const UNetConfig& config) {
  check_range("image_channels", config.image_channels, 1, 4);
  check_range("norm_groups", config.norm_groups, 1, kMostChannels);
  check_range("the number of levels", config.level_count(), 1, kMostLevels);
  for (const UNetLevel& level : config.levels) {
    check_range("the channels of a level", level.channels, 4, kMostChannels);
    DDPM_CHECK(level.channels % config.norm_groups == 0,
               "unet: the channels of a level must be a multiple of norm_groups, ",
               config.norm_groups, ", got ", level.channels);
  }
  check_range("blocks_per_level", config.blocks_per_level, 1, kMostBlocks);
}

void check_time(const UNetConfig& config) {
  // The sinusoidal embedding has a sine and a cosine for each of half as many frequencies.
  DDPM_CHECK(config.base_channels() % 2 == 0,
             "unet: the channels of the top level must be even, got ", config.base_channels());
  check_range("time_channels", config.time_channels, 0, kMostChannels);
  check_range("frequency_shift", config.frequency_shift, 0, config.base_channels() / 2 - 1);
  check_range("learned_times", config.learned_times, 0, kMostRows);
  check_range("classes", config.classes, 0, kMostRows);
}

void check_attention(const UNetConfig& config) {
  check_range("head_channels", config.head_channels, 0, kMostChannels);
  const int64_t middle = config.levels.back().channels;
  for (const UNetLevel& level : config.levels) {
    DDPM_CHECK(!(level.attention_down || level.attention_up) || config.heads_at(level.channels) > 0,
               "unet: head_channels must be at most the channels of each level with attention, ",
               level.channels, ", got ", config.head_channels);
  }
  if (!config.middle_attention) return;
  DDPM_CHECK(config.heads_at(middle) > 0,
             "unet: head_channels must be at most the channels of the middle, ", middle, ", got ",
             config.head_channels);
  check_range("middle_attention_groups", config.middle_attention_groups, 0, kMostChannels);
  const int64_t groups = config.groups_of_middle_attention();
  DDPM_CHECK(groups == 0 || middle % groups == 0,
             "unet: middle_attention_groups must divide the channels of the middle, ", middle,
             ", got ", groups);
}

void check_size(const UNetConfig& config) {
  check_range("height", config.height, 1, kMostPixelsASide);
  check_range("width", config.width, 1, kMostPixelsASide);
  const int64_t halvings = config.level_count() - 1;
  const int64_t unit = int64_t{1} << halvings;
  if (config.height % unit == 0 && config.width % unit == 0) return;

  const auto rounded_up = [unit](int64_t extent) { return (extent + unit - 1) / unit * unit; };
  const auto size = [](int64_t height, int64_t width) { return concat(height, "x", width); };
  const int64_t lower_height = config.height / unit * unit;
  const int64_t lower_width = config.width / unit * unit;
  const std::string upper = size(rounded_up(config.height), rounded_up(config.width));
  const std::string legal =
      lower_height > 0 && lower_width > 0
          ? concat("sizes are ", size(lower_height, lower_width), " and ", upper)
          : "size is " + upper;
  throw InvalidArgument(concat("unet: image size ", size(config.height, config.width),
                               " cannot be halved ", halvings, halvings == 1 ? " time" : " times",
                               "; the nearest legal ", legal,
                               "; choose one with --image-size and --fit crop, pad or stretch"));
}

}  // namespace

std::vector<UNetLevel> paper_levels(int64_t base_channels, std::span<const int64_t> multipliers,
                                    std::span<const int64_t> attention_resolutions,
                                    int64_t height) {
  check_range("base_channels", base_channels, 4, kMostChannels);
  check_range("the number of channel_multipliers", std::ssize(multipliers), 1, kMostLevels);
  DDPM_CHECK(multipliers[0] == 1,
             "unet: channel_multipliers must start with 1, the level that has base_channels, got ",
             multipliers[0]);
  std::vector<UNetLevel> levels;
  std::vector<int64_t> heights;
  for (const int64_t multiplier : multipliers) {
    check_range("each of channel_multipliers", multiplier, 1, kMostChannels / base_channels);
    heights.push_back(height >> levels.size());
    levels.push_back({.channels = base_channels * multiplier});
  }
  for (const int64_t resolution : attention_resolutions) {
    DDPM_CHECK(std::count(heights.begin(), heights.end(), resolution) == 1,
               "unet: each of attention_resolutions must be the height of a level, one of ",
               join(heights, ", "), ", got ", resolution);
    const auto found = std::find(heights.begin(), heights.end(), resolution);
    UNetLevel& level = levels[static_cast<size_t>(found - heights.begin())];
    DDPM_CHECK(!level.attention_down,
               "unet: each of attention_resolutions must be there once, got ", resolution,
               " twice");
    level.attention_down = level.attention_up = true;
  }
  return levels;
}

void check_unet_config(const UNetConfig& config) {
  check_levels(config);
  check_size(config);
  check_time(config);
  check_attention(config);
  DDPM_CHECK(config.norm_epsilon > 0.0 && config.norm_epsilon < 1.0,
             "unet: norm_epsilon must be above 0 and below 1, got ", config.norm_epsilon);
  DDPM_CHECK(config.dropout >= 0.0 && config.dropout < 1.0,
             "unet: dropout must be at least 0 and below 1, got ", config.dropout);
  DDPM_CHECK(config.middle_scale > 0.0 && config.middle_scale < 1e6,
             "unet: middle_scale must be above 0 and below 1e6, got ", config.middle_scale);
  check_range("downsample_padding", config.downsample_padding, 0, 1);
  int64_t parameters = 0;
  for (const NamedShape& one : unet_parameters_unchecked(config)) parameters += one.count();
  DDPM_CHECK(parameters <= kMostParameters, "unet: the network must have at most ",
             with_thousands(kMostParameters), " parameters, got ", with_thousands(parameters));
}

}  // namespace ddpm
