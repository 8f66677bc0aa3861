#include "ddpm/checkpoints/warm_start.h"

#include <algorithm>
#include <map>
#include <utility>

#include "ddpm/base/check.h"
#include "ddpm/base/text.h"
#include "ddpm/unet/parameters.h"

namespace ddpm {

namespace {

constexpr size_t kMostNamed = 10;  // tensors in a line

const std::vector<std::string> kScheduleKeys = {"schedule", "T",     "beta_1",
                                                "beta_T",   "betas", "zero_terminal_snr"};

bool is_named(std::span<const std::string> named, const std::string& key) {
  return std::find(named.begin(), named.end(), key) != named.end();
}

bool any_is_named(std::span<const std::string> named, const std::vector<std::string>& keys) {
  return std::any_of(keys.begin(), keys.end(),
                     [&](const std::string& key) { return is_named(named, key); });
}

void take_schedule(TrainConfig& config, const ScheduleConfig& schedule) {
  config.schedule = schedule.kind;
  config.T = schedule.T;
  config.beta_1 = schedule.beta_1;
  config.beta_T = schedule.beta_T;
  config.betas = schedule.betas;
  config.zero_terminal_snr = schedule.zero_terminal_snr;
  config.sample_steps = std::min(config.sample_steps, config.T);
}

// "conv_out" of "conv_out.weight".
std::string layer_of(const std::string& name) { return name.substr(0, name.rfind('.')); }

// The layers of tensors that stand in order, each once.
std::vector<std::string> layers_of(const std::vector<std::string>& tensors) {
  std::vector<std::string> layers;
  for (const std::string& tensor : tensors) {
    if (layers.empty() || layers.back() != layer_of(tensor)) layers.push_back(layer_of(tensor));
  }
  return layers;
}

// "left out 2 tensors: a; b", if there are any.
void list(std::vector<std::string>& lines, const std::string& what, size_t count,
          std::vector<std::string> names) {
  if (count == 0) return;
  const bool all = names.size() <= kMostNamed;
  if (!all) names.resize(kMostNamed);
  lines.push_back(concat(what, " ", count, count == 1 ? " tensor: " : " tensors: ",
                         join(names, "; "), all ? "" : "; .."));
}

}  // namespace

TrainConfig config_begun_from(TrainConfig config, const ModelConfig& model,
                              std::span<const std::string> named) {
  if (!any_is_named(named, network_keys()) && !is_named(named, "network")) {
    config.network = model.unet;
    config.network->classes = 0;
  }
  if (!is_named(named, "image_size")) {
    config.height = model.unet.height;
    config.width = model.unet.width;
  }
  if (!is_named(named, "channels")) config.channels = model.unet.image_channels;
  if (!is_named(named, "dropout")) config.dropout = model.unet.dropout;
  if (!any_is_named(named, kScheduleKeys)) take_schedule(config, model.schedule);
  if (!is_named(named, "prediction")) config.prediction = model.prediction;
  if (!is_named(named, "variance")) config.variance = model.variance;
  const bool learned = is_learned(config.variance);
  // the loss simple would not train it
  if (learned && !is_named(named, "loss")) config.loss = LossKind::kHybrid;
  return config;
}

WarmStart take_over(const UNetConfig& unet, const UNetConfig& old_unet, ParameterValues old_values,
                    const std::string& who) {
  const std::vector<NamedShape> old_parameters = unet_parameters(old_unet);
  DDPM_ASSERT(old_parameters.size() == old_values.size());
  std::map<std::string, size_t> old_index;
  for (size_t i = 0; i < old_parameters.size(); ++i) old_index[old_parameters[i].name] = i;

  WarmStart result;
  std::vector<std::string> absent;
  std::vector<std::string> misfits;
  int64_t taken = 0;
  int64_t taken_values = 0;
  for (const NamedShape& parameter : unet_parameters(unet)) {
    result.values.emplace_back();
    const auto found = old_index.find(parameter.name);
    if (found == old_index.end()) {
      absent.push_back(parameter.name);
      continue;
    }
    const NamedShape& old = old_parameters[found->second];
    if (old.shape == parameter.shape) {
      result.values.back() = std::move(old_values[found->second]);
      ++taken;
      taken_values += parameter.count();
    } else {
      misfits.push_back(concat(parameter.name, " of ", shape_text(parameter.shape), ", there ",
                               shape_text(old.shape)));
    }
    old_index.erase(found);
  }
  DDPM_CHECK(taken > 0, who, ": none of its ", old_values.size(),
             " tensors has the name and the shape of one of this network");
  result.lines.push_back(concat("taken ", taken, " of ", result.values.size(), " tensors, ",
                                with_thousands(taken_values), " of ",
                                with_thousands(count_parameters(unet)), " values"));
  std::vector<std::string> left_out;
  for (const auto& entry : old_index) left_out.push_back(entry.first);
  list(result.lines, "begun afresh for their shape", misfits.size(), misfits);
  list(result.lines, "begun afresh, for they are not there:", absent.size(), layers_of(absent));
  list(result.lines, "left out", left_out.size(), layers_of(left_out));
  return result;
}

}  // namespace ddpm
