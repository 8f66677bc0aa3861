#include "ddpm/checkpoints/checkpoint.h"

#include <nlohmann/json.hpp>
#include <utility>

#include "ddpm/base/check.h"
#include "ddpm/base/json.h"
#include "ddpm/base/sha256.h"
#include "ddpm/base/streamed_file.h"
#include "ddpm/checkpoints/manifest.h"
#include "ddpm/diffusers/model_files.h"
#include "ddpm/diffusers/weights.h"
#include "ddpm/unet/parameters.h"

namespace ddpm {

namespace fs = std::filesystem;

namespace {

constexpr int64_t kMaxStateBytes = 64 << 20;        // ten losses for each of 100,000 times
const std::string kFirstMomentPrefix = "exp_avg.";  // PyTorch's names for Adam's moments
const std::string kSecondMomentPrefix = "exp_avg_sq.";

// Writes files below a folder and notes what was meant to be in them.
class Writer {
 public:
  Writer(fs::path folder, FileLayer& files) : folder_(std::move(folder)), files_(files) {}

  // `write` passes the file's bytes to the sink that it is given.
  template <typename Write>
  void add(const std::string& name, const Write& write) {
    const fs::path path = folder_ / name;
    if (path.parent_path() != folder_) files_.make_folder(path.parent_path());
    StreamedFile file(path, files_);
    write([&file](std::span<const std::byte> piece) { file.add(piece); });
    file.finish();
    manifest_[name] = {file.bytes(), file.sha256()};
  }
  void add_text(const std::string& name, const std::string& text) {
    add(name, [&text](const ByteSink& sink) { sink(as_bytes(text)); });
  }

  void add_manifest() { files_.write(folder_ / kManifestName, as_bytes(manifest_text(manifest_))); }

 private:
  fs::path folder_;
  FileLayer& files_;
  Manifest manifest_;
};

}  // namespace

void check_training_arrays(const TrainingState& state, const TrainingArrays& arrays) {
  const std::string who = concat("checkpoint of step ", state.step, ": ");
  check_parameters(state.unet, arrays.ema, who + "averaged weights");
  check_parameters(state.unet, arrays.raw, who + "weights");
  check_parameters(state.unet, arrays.first_moment, who + "Adam's first moment");
  check_parameters(state.unet, arrays.second_moment, who + "Adam's second moment");
}

int64_t checkpoint_bytes(const UNetConfig& unet) {
  constexpr int64_t kSets = 4;
  constexpr int64_t kTextAndHeaders = 1 << 20;  // 450 tensors have headers of 250 KiB
  return kSets * count_parameters(unet) * static_cast<int64_t>(sizeof(float)) + kTextAndHeaders;
}

void write_checkpoint(const fs::path& path, const TrainingState& state,
                      const TrainingArrays& arrays, FileLayer& files) {
  check_training_arrays(state, arrays);
  const auto fill = [&](const fs::path& folder) {
    Writer writer(folder, files);
    for (const auto& [name, text] : diffusers_texts(model_config_of(state.config, state.unet))) {
      writer.add_text(name, text);
    }
    writer.add(kDiffusersWeightsName, [&](const ByteSink& sink) {
      stream_parameters(state.unet, {{"", arrays.ema}}, sink, {{"weights", "ema"}});
    });
    writer.add(kRawWeightsName, [&](const ByteSink& sink) {
      stream_parameters(state.unet, {{"", arrays.raw}}, sink, {{"weights", "raw"}});
    });
    writer.add(kOptimizerName, [&](const ByteSink& sink) {
      stream_parameters(
          state.unet,
          {{kFirstMomentPrefix, arrays.first_moment}, {kSecondMomentPrefix, arrays.second_moment}},
          sink);
    });
    writer.add_text(kTrainingStateName, json_text(state_to_json(state)));
    writer.add_manifest();
  };
  write_folder_whole(path, fill, files);
}

void verify_checkpoint(const fs::path& checkpoint) {
  const Manifest manifest = verify_folder(checkpoint);
  for (const char* name :
       {kDiffusersWeightsName, kRawWeightsName, kOptimizerName, kTrainingStateName}) {
    if (manifest.count(name) == 0) {
      throw FormatError(
          concat((checkpoint / kManifestName).string(), ": does not name '", name, "'"));
    }
  }
}

bool has_training_state(const fs::path& checkpoint) {
  return fs::exists(checkpoint / kTrainingStateName);
}

TrainingState read_training_state(const fs::path& checkpoint) {
  DDPM_CHECK(has_training_state(checkpoint), checkpoint.string(),
             ": has no training state, so it can be sampled from but not gone on with");
  const fs::path path = checkpoint / kTrainingStateName;
  const Json json = parse_json(read_file(path, kMaxStateBytes), path.string());
  return state_from_json(json, read_model_config(checkpoint).unet, path.string());
}

ParameterValues read_weights(const fs::path& checkpoint, const UNetConfig& unet,
                             const WeightsChoice& choice) {
  ParameterValues values;
  Weights(find_weights(find_model_folder(checkpoint, choice.ema), choice))
      .read(unet, [&](size_t, std::vector<float> one) { values.push_back(std::move(one)); });
  return values;
}

void for_each_array(const fs::path& checkpoint, const UNetConfig& unet, ArraySet set,
                    const std::function<void(size_t, std::vector<float>)>& take) {
  const bool ema = set == ArraySet::kEma;
  if (ema || set == ArraySet::kRaw) {
    const WeightsChoice choice{.ema = ema, .variant = ""};
    return Weights(find_weights(find_model_folder(checkpoint, ema), choice)).read(unet, take);
  }
  const fs::path path = checkpoint / kOptimizerName;
  DDPM_CHECK(fs::exists(path), checkpoint.string(), ": has no ", kOptimizerName);
  const bool first = set == ArraySet::kFirstMoment;
  const std::string& other = first ? kSecondMomentPrefix : kFirstMomentPrefix;
  for_each_parameter(path, unet, first ? kFirstMomentPrefix : kSecondMomentPrefix,
                     std::span<const std::string>(&other, 1), take);
}

ParameterValues read_arrays(const fs::path& checkpoint, const UNetConfig& unet, ArraySet set) {
  ParameterValues values;
  for_each_array(checkpoint, unet, set,
                 [&](size_t, std::vector<float> one) { values.push_back(std::move(one)); });
  return values;
}

}  // namespace ddpm
