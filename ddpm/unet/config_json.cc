// config.json of a UNet2DModel and UNetConfig, one into the other.

#include <algorithm>
#include <nlohmann/json.hpp>
#include <set>

#include "ddpm/base/check.h"
#include "ddpm/base/text.h"
#include "ddpm/unet/config.h"

namespace ddpm {

namespace {

constexpr const char* kClassName = "UNet2DModel";
constexpr const char* kDiffusersVersion = "0.42.1";
constexpr const char* kClassKey = "_class_name";
constexpr const char* kVersionKey = "_diffusers_version";
constexpr size_t kMostLevels = 10;

// The arguments of UNet2DModel's constructor and what they are where a file leaves them out.
const Json& defaults_of_diffusers() {
  static const Json defaults = {
      {"act_fn", "silu"},
      {"add_attention", true},
      {"attention_head_dim", 8},
      {"attn_norm_num_groups", nullptr},
      {"block_out_channels", {224, 448, 672, 896}},
      {"center_input_sample", false},
      {"class_embed_type", nullptr},
      {"down_block_types",
       {"DownBlock2D", "AttnDownBlock2D", "AttnDownBlock2D", "AttnDownBlock2D"}},
      {"downsample_padding", 1},
      {"downsample_type", "conv"},
      {"dropout", 0.0},
      {"flip_sin_to_cos", true},
      {"freq_shift", 0},
      {"in_channels", 3},
      {"layers_per_block", 2},
      {"mid_block_scale_factor", 1},
      {"mid_block_type", "UNetMidBlock2D"},
      {"norm_eps", 1e-5},
      {"norm_num_groups", 32},
      {"num_class_embeds", nullptr},
      {"num_train_timesteps", nullptr},
      {"out_channels", 3},
      {"resnet_time_scale_shift", "default"},
      {"sample_size", nullptr},
      {"time_embedding_dim", nullptr},
      {"time_embedding_type", "positional"},
      {"up_block_types", {"AttnUpBlock2D", "AttnUpBlock2D", "AttnUpBlock2D", "UpBlock2D"}},
      {"upsample_type", "conv"}};
  return defaults;
}

// What diffusers' trainer adds in the folder of averaged weights; it describes the average alone.
const std::set<std::string>& keys_of_an_average() {
  static const std::set<std::string> keys = {
      "decay",     "min_decay", "optimization_step", "update_after_step", "use_ema_warmup",
      "inv_gamma", "power"};
  return keys;
}

// The kinds of blocks that a network here can have, by what they are called on one way.
struct BlockKind {
  const char* down;
  const char* up;
  bool attention;
  bool resamples_in_block;  // whatever downsample_type and upsample_type say
};
constexpr BlockKind kBlocks[] = {{"DownBlock2D", "UpBlock2D", false, false},
                                 {"AttnDownBlock2D", "AttnUpBlock2D", true, false},
                                 {"ResnetDownsampleBlock2D", "ResnetUpsampleBlock2D", false, true}};

class Reader {
 public:
  Reader(const Json& fields, const std::string& who) : fields_(fields), who_(who) {}

  template <typename... Parts>
  [[noreturn]] void fail(const Parts&... parts) const {
    throw FormatError(concat(who_, ": ", parts...));
  }
  [[noreturn]] void refuse(const char* key, const std::string& wanted) const {
    fail("'", key, "' must be ", wanted, ", got ", json_shown(fields_.at(key)));
  }

  const Json& at(const char* key) const { return fields_.at(key); }

  // Larger numbers than this are refused here; UNetConfig's own limits are narrower.
  int64_t as_integer(const char* key, const Json& value) const {
    constexpr int64_t kMost = 1'000'000'000;
    const bool fits = value.is_number_integer() &&
                      (!value.is_number_unsigned() || value.get<uint64_t>() <= uint64_t{kMost}) &&
                      value.get<int64_t>() >= 0 && value.get<int64_t>() < kMost;
    if (!fits) refuse(key, "made of whole numbers from 0 to below 1e9");
    return value.get<int64_t>();
  }

  int64_t integer(const char* key) const { return as_integer(key, at(key)); }

  // Null is 0, which a file may not say itself.
  int64_t integer_or_null(const char* key) const {
    if (at(key).is_null()) return 0;
    const int64_t value = integer(key);
    if (value == 0) refuse(key, "null or above 0");
    return value;
  }

  // A whole number, written with a fraction or without.
  int64_t whole_number(const char* key) const {
    const Json& value = at(key);
    if (value.is_number_float() && value.get<double>() >= 0.0 && value.get<double>() < 1e9 &&
        value.get<double>() == static_cast<double>(value.get<int64_t>())) {
      return value.get<int64_t>();
    }
    return integer(key);
  }

  double number(const char* key) const {
    if (!at(key).is_number()) refuse(key, "a number");
    return at(key).get<double>();
  }

  bool boolean(const char* key) const {
    if (!at(key).is_boolean()) refuse(key, "true or false");
    return at(key).get<bool>();
  }

  // True for the first word and false for the second; other words have no meaning here.
  bool is_first_of(const char* key, const char* first, const char* second) const {
    if (at(key) != first && at(key) != second) refuse(key, concat(first, " or ", second));
    return at(key) == first;
  }

  void expect(const char* key, const Json& only) const {
    if (at(key) != only) refuse(key, json_shown(only) + ", the only one that is known here");
  }

 private:
  const Json& fields_;
  const std::string& who_;
};

void read_size(const Reader& reader, UNetConfig& config) {
  const char* key = "sample_size";
  const Json& size = reader.at(key);
  if (size.is_array() && size.size() == 2) {
    config.height = reader.as_integer(key, size[0]);
    config.width = reader.as_integer(key, size[1]);
  } else {
    if (!size.is_number_integer()) reader.refuse(key, "a number or [height, width]");
    config.height = config.width = reader.as_integer(key, size);
  }
}

void read_channels(const Reader& reader, UNetConfig& config) {
  config.image_channels = reader.integer("in_channels");
  const int64_t out_channels = reader.integer("out_channels");
  config.learned_variance = out_channels == 2 * config.image_channels;
  if (out_channels != config.output_channels()) {
    reader.refuse("out_channels",
                  concat("in_channels, ", config.image_channels, ", or twice as many"));
  }
  const Json& widths = reader.at("block_out_channels");
  if (!widths.is_array() || widths.empty() || widths.size() > kMostLevels) {
    reader.refuse("block_out_channels", concat("a list of 1 to ", kMostLevels, " numbers"));
  }
  config.levels.clear();
  for (const Json& width : widths) {
    config.levels.push_back({.channels = reader.as_integer("block_out_channels", width)});
  }
}

// One of the blocks' names on one way, also with the "UNetRes" before it that early files have.
const BlockKind* block_named(const Json& json, const char* BlockKind::*name) {
  if (!json.is_string()) return nullptr;
  std::string text = json.get<std::string>();
  if (text.rfind("UNetRes", 0) == 0) text.erase(0, 7);
  const auto* found = std::find_if(std::begin(kBlocks), std::end(kBlocks),
                                   [&](const BlockKind& kind) { return text == kind.*name; });
  return found == std::end(kBlocks) ? nullptr : found;
}

// The kinds of the blocks in the order of the file.
std::vector<const BlockKind*> read_blocks(const Reader& reader, const UNetConfig& config,
                                          const char* key, const char* BlockKind::*name) {
  std::vector<std::string> known;
  for (const BlockKind& kind : kBlocks) known.emplace_back(kind.*name);
  const std::string wanted =
      concat("a list of ", config.level_count(), " names, each ", join(known, " or "));
  const Json& list = reader.at(key);
  if (!list.is_array() || static_cast<int64_t>(list.size()) != config.level_count()) {
    reader.refuse(key, wanted);
  }
  std::vector<const BlockKind*> kinds;
  for (const Json& one : list) {
    kinds.push_back(block_named(one, name));
    if (kinds.back() == nullptr) reader.refuse(key, wanted);
  }
  return kinds;
}

Resampling resampling_of(const BlockKind& kind, bool attention_in_block) {
  const bool in_block = kind.resamples_in_block || (kind.attention && attention_in_block);
  return in_block ? Resampling::kResidualBlock : Resampling::kConvolution;
}

void read_levels(const Reader& reader, UNetConfig& config) {
  const bool down_in_block = reader.is_first_of("downsample_type", "resnet", "conv");
  const bool up_in_block = reader.is_first_of("upsample_type", "resnet", "conv");
  const auto down = read_blocks(reader, config, "down_block_types", &BlockKind::down);
  const auto up = read_blocks(reader, config, "up_block_types", &BlockKind::up);
  for (size_t i = 0; i < config.levels.size(); ++i) {
    UNetLevel& level = config.levels[i];
    level.attention_down = down[i]->attention;
    level.down = resampling_of(*down[i], down_in_block);
    const BlockKind& upwards = *up[up.size() - 1 - i];
    level.attention_up = upwards.attention;
    level.up = resampling_of(upwards, up_in_block);
  }
  // where nothing follows there is nothing to say
  config.levels.back().down = Resampling::kConvolution;
  config.levels.front().up = Resampling::kConvolution;
}

void read_time(const Reader& reader, UNetConfig& config) {
  config.time_channels = reader.at("time_embedding_dim") == 0
                             ? 0  // which Python takes for none, too
                             : reader.integer_or_null("time_embedding_dim");
  config.cosine_first = reader.boolean("flip_sin_to_cos");
  config.frequency_shift = reader.whole_number("freq_shift");
  const int64_t times = reader.integer_or_null("num_train_timesteps");
  if (reader.is_first_of("time_embedding_type", "learned", "positional")) {
    if (times == 0) reader.refuse("num_train_timesteps", "the rows of the learned embedding");
    config.learned_times = times;
    config.frequency_shift = 0;  // which no table has
  }
  reader.expect("class_embed_type", nullptr);
  config.classes = reader.integer_or_null("num_class_embeds");
}

void read_blocks_inside(const Reader& reader, UNetConfig& config) {
  if (reader.at("act_fn") != "swish") reader.expect("act_fn", "silu");  // two names of one
  reader.expect("mid_block_type", "UNetMidBlock2D");
  config.blocks_per_level = reader.integer("layers_per_block");
  config.norm_groups = reader.integer("norm_num_groups");
  config.norm_epsilon = reader.number("norm_eps");
  config.dropout = reader.number("dropout");
  config.middle_attention = reader.boolean("add_attention");
  config.middle_attention_groups = reader.integer_or_null("attn_norm_num_groups");
  config.middle_scale = reader.number("mid_block_scale_factor");
  config.head_channels = reader.integer_or_null("attention_head_dim");
  config.scale_shift = reader.is_first_of("resnet_time_scale_shift", "scale_shift", "default");
  config.downsample_padding = reader.integer("downsample_padding");
  config.center_input = reader.boolean("center_input_sample");
}

// The name of a level's block on one way: attention and resampling inside a block need
// downsample_type or upsample_type as well.
std::string block_name(bool attention, Resampling resampling, const char* BlockKind::*name) {
  for (const BlockKind& kind : kBlocks) {
    const bool in_block = resampling == Resampling::kResidualBlock;
    if (kind.attention == attention && (attention || kind.resamples_in_block == in_block)) {
      return kind.*name;
    }
  }
  throw std::logic_error("unet: a block without a name");
}

// What downsample_type or upsample_type has to be: that of all levels with attention on this way,
// but for `last`, where the way ends.
std::string type_of_attention(const UNetConfig& config, const char* key, bool UNetLevel::*attention,
                              Resampling UNetLevel::*way, int64_t last) {
  std::set<Resampling> kinds;
  for (int64_t i = 0; i < config.level_count(); ++i) {
    const UNetLevel& level = config.level(i);
    if (level.*attention && i != last) kinds.insert(level.*way);
  }
  DDPM_CHECK(kinds.size() < 2, "unet: ", key,
             " is one for all levels with attention: some of this network resample in a block and "
             "others by a convolution");
  return kinds.count(Resampling::kResidualBlock) > 0 ? "resnet" : "conv";
}

Json none_if_zero(int64_t value) { return value > 0 ? Json(value) : Json(nullptr); }

}  // namespace

Json unet_config_to_json(const UNetConfig& config) {
  check_unet_config(config);
  Json json = defaults_of_diffusers();
  json[kClassKey] = kClassName;
  json[kVersionKey] = kDiffusersVersion;
  json["sample_size"] =
      config.height == config.width ? Json(config.height) : Json({config.height, config.width});
  json["in_channels"] = config.image_channels;
  json["out_channels"] = config.output_channels();
  json["layers_per_block"] = config.blocks_per_level;
  json["norm_num_groups"] = config.norm_groups;
  json["norm_eps"] = config.norm_epsilon;
  json["dropout"] = config.dropout;
  json["add_attention"] = config.middle_attention;
  json["attn_norm_num_groups"] = none_if_zero(config.middle_attention_groups);
  if (config.middle_scale != 1.0) json["mid_block_scale_factor"] = config.middle_scale;
  json["attention_head_dim"] = none_if_zero(config.head_channels);
  json["resnet_time_scale_shift"] = config.scale_shift ? "scale_shift" : "default";
  json["downsample_padding"] = config.downsample_padding;
  json["center_input_sample"] = config.center_input;
  json["time_embedding_dim"] = none_if_zero(config.time_channels);
  json["flip_sin_to_cos"] = config.cosine_first;
  json["freq_shift"] = config.frequency_shift;
  json["time_embedding_type"] = config.learned_times > 0 ? "learned" : "positional";
  json["num_train_timesteps"] = none_if_zero(config.learned_times);
  json["num_class_embeds"] = none_if_zero(config.classes);
  json["downsample_type"] = type_of_attention(config, "downsample_type", &UNetLevel::attention_down,
                                              &UNetLevel::down, config.level_count() - 1);
  json["upsample_type"] =
      type_of_attention(config, "upsample_type", &UNetLevel::attention_up, &UNetLevel::up, 0);
  std::vector<int64_t> widths;
  std::vector<std::string> down;
  std::vector<std::string> up;
  for (const UNetLevel& level : config.levels) {
    widths.push_back(level.channels);
    down.push_back(block_name(level.attention_down, level.down, &BlockKind::down));
    up.push_back(block_name(level.attention_up, level.up, &BlockKind::up));
  }
  std::reverse(up.begin(), up.end());  // the lowest resolution first
  json["block_out_channels"] = widths;
  json["down_block_types"] = down;
  json["up_block_types"] = up;
  return json;
}

Json completed_unet_json(const Json& json, const std::string& who,
                         std::vector<std::string>* defaulted) {
  if (!json.is_object()) {
    throw FormatError(concat(who, ": wanted a JSON object, got ", json_shown(json)));
  }
  const Json name = json.value(kClassKey, Json());
  if (name != kClassName) {
    throw FormatError(
        concat(who, ": '", kClassKey, "' must be ", kClassName, ", got ", json_shown(name)));
  }
  Json completed = defaults_of_diffusers();
  std::vector<std::string> known;
  for (const auto& [key, value] : completed.items()) {
    known.push_back(key);
    if (defaulted != nullptr && !json.contains(key)) defaulted->push_back(key);
  }
  for (const auto& [key, value] : json.items()) {
    if (key.rfind('_', 0) == 0 || keys_of_an_average().count(key) > 0) continue;
    if (!completed.contains(key)) {
      const std::string hint = key.size() <= 64 ? did_you_mean(key, known) : "";
      throw FormatError(concat(who, ": unknown key ", json_shown(Json(key)), hint));
    }
    completed[key] = value;
  }
  completed[kClassKey] = kClassName;
  completed[kVersionKey] = kDiffusersVersion;
  return completed;
}

UNetConfig unet_config_from_json(const Json& json, const std::string& who,
                                 std::vector<std::string>* defaulted) {
  const Json fields = completed_unet_json(json, who, defaulted);
  const Reader reader(fields, who);
  UNetConfig config;
  read_size(reader, config);
  read_channels(reader, config);
  read_levels(reader, config);
  read_time(reader, config);
  read_blocks_inside(reader, config);
  try {
    check_unet_config(config);
  } catch (const InvalidArgument& error) {
    reader.fail(error.what());
  }
  return config;
}

}  // namespace ddpm
