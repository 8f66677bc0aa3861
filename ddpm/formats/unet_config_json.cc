// config.json of a UNet2DModel and UNetConfig, one into the other.

#include <algorithm>
#include <nlohmann/json.hpp>

#include "ddpm/base/check.h"
#include "ddpm/base/text.h"
#include "ddpm/formats/unet_config.h"

namespace ddpm {

namespace {

constexpr const char* kClassName = "UNet2DModel";
constexpr const char* kDiffusersVersion = "0.42.1";

// A field that can have only one value here. A file that leaves it out means diffusers' default.
struct FixedField {
  const char* key;
  Json value;
  Json default_of_diffusers;
};

const std::vector<FixedField>& fixed_fields() {
  static const std::vector<FixedField> fields = {
      {"act_fn", "silu", "silu"},
      {"add_attention", true, true},
      {"attention_head_dim", nullptr, 8},  // null: one head of all channels
      {"attn_norm_num_groups", nullptr, nullptr},
      {"center_input_sample", false, false},
      {"class_embed_type", nullptr, nullptr},
      {"downsample_padding", 0, 1},  // 0: one row below and one column to the right
      {"downsample_type", "conv", "conv"},
      {"flip_sin_to_cos", false, true},
      {"freq_shift", 1, 0},
      {"mid_block_scale_factor", 1, 1},
      {"mid_block_type", "UNetMidBlock2D", "UNetMidBlock2D"},
      {"num_class_embeds", nullptr, nullptr},
      {"num_train_timesteps", nullptr, nullptr},
      {"resnet_time_scale_shift", "default", "default"},
      {"time_embedding_dim", nullptr, nullptr},
      {"time_embedding_type", "positional", "positional"},
      {"upsample_type", "conv", "conv"},
  };
  return fields;
}

std::vector<std::string> known_keys() {
  std::vector<std::string> keys = {
      "block_out_channels", "down_block_types", "dropout",      "in_channels", "layers_per_block",
      "norm_eps",           "norm_num_groups",  "out_channels", "sample_size", "up_block_types"};
  for (const FixedField& field : fixed_fields()) keys.emplace_back(field.key);
  return keys;
}

class Reader {
 public:
  Reader(const Json& json, const std::string& who) : json_(json), who_(who) {}

  template <typename... Parts>
  [[noreturn]] void fail(const Parts&... parts) const {
    throw FormatError(concat(who_, ": ", parts...));
  }

  [[noreturn]] void refuse(const char* key, const std::string& wanted, const Json& got) const {
    fail("'", key, "' must be ", wanted, ", got ", json_shown(got));
  }

  const Json& required(const char* key) const {
    const auto found = json_.find(key);
    if (found == json_.end()) fail("the key '", key, "' is missing");
    return *found;
  }

  void check_keys() const {
    const std::vector<std::string> known = known_keys();
    for (const auto& item : json_.items()) {
      const std::string& key = item.key();
      if (!key.empty() && key[0] == '_') continue;
      if (std::find(known.begin(), known.end(), key) != known.end()) continue;
      const std::string hint = key.size() <= 64 ? did_you_mean(key, known) : "";
      fail("unknown key ", json_shown(key), hint);
    }
  }

  void check_fixed() const {
    for (const FixedField& field : fixed_fields()) {
      const auto found = json_.find(field.key);
      if (found != json_.end() && *found != field.value) {
        refuse(field.key, json_shown(field.value) + ", the only one this network has", *found);
      }
      if (found == json_.end() && field.default_of_diffusers != field.value) {
        fail("the key '", field.key, "' is missing, which stands for ",
             json_shown(field.default_of_diffusers), "; it must be ", json_shown(field.value));
      }
    }
  }

  // Larger numbers than this are refused here; UNetConfig's own limits are narrower.
  int64_t as_integer(const char* key, const Json& value) const {
    constexpr int64_t kMost = 1'000'000'000;
    const bool fits = value.is_number_integer() &&
                      (!value.is_number_unsigned() || value.get<uint64_t>() <= uint64_t{kMost}) &&
                      value.get<int64_t>() >= 0 && value.get<int64_t>() < kMost;
    if (!fits) refuse(key, "made of whole numbers from 0 to below 1e9", value);
    return value.get<int64_t>();
  }

  int64_t integer(const char* key, int64_t missing) const {
    const auto found = json_.find(key);
    return found == json_.end() ? missing : as_integer(key, *found);
  }

  double number(const char* key, double missing) const {
    const auto found = json_.find(key);
    if (found == json_.end()) return missing;
    if (!found->is_number()) refuse(key, "a number", *found);
    return found->get<double>();
  }

  std::vector<int64_t> integers(const char* key, size_t most) const {
    const Json& list = required(key);
    if (!list.is_array() || list.empty() || list.size() > most) {
      refuse(key, concat("a list of 1 to ", most, " numbers"), list);
    }
    std::vector<int64_t> values;
    for (const Json& value : list) values.push_back(as_integer(key, value));
    return values;
  }

 private:
  const Json& json_;
  const std::string& who_;
};

void read_size(const Reader& reader, UNetConfig& config) {
  const char* key = "sample_size";
  const Json& size = reader.required(key);
  if (size.is_array()) {
    if (size.size() != 2) reader.refuse(key, "a number or [height, width]", size);
    config.height = reader.as_integer(key, size[0]);
    config.width = reader.as_integer(key, size[1]);
  } else {
    if (!size.is_number_integer()) reader.refuse(key, "a number or [height, width]", size);
    config.height = config.width = reader.as_integer(key, size);
  }
}

void read_channels(const Reader& reader, UNetConfig& config) {
  constexpr int64_t kImageChannels = 3;  // where a file says nothing
  config.image_channels = reader.integer("in_channels", kImageChannels);
  const int64_t out_channels = reader.integer("out_channels", kImageChannels);
  config.learned_variance = out_channels == 2 * config.image_channels;
  if (out_channels != config.output_channels()) {
    reader.refuse("out_channels",
                  concat("in_channels, ", config.image_channels, ", or twice as many"),
                  out_channels);
  }
  constexpr size_t kMostLevels = 10;
  const std::vector<int64_t> widths = reader.integers("block_out_channels", kMostLevels);
  config.base_channels = widths[0];
  config.channel_multipliers.clear();
  for (int64_t width : widths) {
    if (widths[0] == 0 || width % widths[0] != 0) {
      reader.refuse("block_out_channels", "multiples of its first number", widths);
    }
    config.channel_multipliers.push_back(width / widths[0]);
  }
}

std::vector<std::string> block_types(const UNetConfig& config, bool up) {
  std::vector<std::string> types;
  for (int64_t level = 0; level < config.levels(); ++level) {
    types.push_back(
        concat(config.attention_at(level) ? "Attn" : "", up ? "Up" : "Down", "Block2D"));
  }
  if (up) std::reverse(types.begin(), types.end());
  return types;
}

void read_attention(const Reader& reader, UNetConfig& config) {
  const Json& down = reader.required("down_block_types");
  const std::string wanted =
      concat("a list of ", config.levels(), " names, each DownBlock2D or AttnDownBlock2D");
  if (!down.is_array() || static_cast<int64_t>(down.size()) != config.levels()) {
    reader.refuse("down_block_types", wanted, down);
  }
  config.attention_resolutions.clear();
  for (int64_t level = 0; level < config.levels(); ++level) {
    const Json& type = down[static_cast<size_t>(level)];
    const bool attention = type == "AttnDownBlock2D";
    if (!attention && type != "DownBlock2D") reader.refuse("down_block_types", wanted, down);
    if (attention) config.attention_resolutions.push_back(config.height >> level);
  }
}

}  // namespace

Json unet_config_to_json(const UNetConfig& config) {
  check_unet_config(config);
  Json json;
  for (const FixedField& field : fixed_fields()) json[field.key] = field.value;
  json["_class_name"] = kClassName;
  json["_diffusers_version"] = kDiffusersVersion;
  if (config.height == config.width) {
    json["sample_size"] = config.height;
  } else {
    json["sample_size"] = {config.height, config.width};
  }
  json["in_channels"] = config.image_channels;
  json["out_channels"] = config.output_channels();
  json["layers_per_block"] = config.blocks_per_level;
  json["norm_num_groups"] = config.norm_groups;
  json["norm_eps"] = config.norm_epsilon;
  json["dropout"] = config.dropout;
  std::vector<int64_t> widths;
  for (int64_t level = 0; level < config.levels(); ++level) {
    widths.push_back(config.channels_at(level));
  }
  json["block_out_channels"] = widths;
  json["down_block_types"] = block_types(config, false);
  json["up_block_types"] = block_types(config, true);
  return json;
}

UNetConfig unet_config_from_json(const Json& json, const std::string& who) {
  const Reader reader(json, who);
  if (!json.is_object()) reader.fail("wanted a JSON object, got ", json_shown(json));
  const Json& name = reader.required("_class_name");
  if (name != kClassName) reader.refuse("_class_name", kClassName, name);
  reader.check_keys();
  reader.check_fixed();

  UNetConfig config;
  read_size(reader, config);
  read_channels(reader, config);
  config.blocks_per_level = reader.integer("layers_per_block", 2);
  config.norm_groups = reader.integer("norm_num_groups", 32);
  config.norm_epsilon = reader.number("norm_eps", 1e-5);
  config.dropout = reader.number("dropout", 0.0);
  read_attention(reader, config);
  try {
    check_unet_config(config);
  } catch (const InvalidArgument& error) {
    reader.fail(error.what());
  }
  const Json mirrored = block_types(config, true);
  const Json& up = reader.required("up_block_types");
  if (up != mirrored) {
    reader.refuse("up_block_types", "down_block_types mirrored, " + json_shown(mirrored), up);
  }
  return config;
}

}  // namespace ddpm
