#include "ddpm/jobs/info.h"

#include <set>
#include <utility>

#include "ddpm/base/check.h"
#include "ddpm/diffusers/model_files.h"
#include "ddpm/diffusers/weights.h"

namespace ddpm {

CheckpointInfo inspect(const InfoRequest& request) {
  DDPM_CHECK(std::filesystem::exists(request.path), "info: ", request.path, " does not exist");
  ResolvedCheckpoint resolved = resolve_checkpoint(request.path);
  const WeightsChoice choice{.ema = true, .variant = request.variant};
  const ModelFolder folder = find_model_folder(resolved.path);
  const ModelConfig model = read_model_config(folder);
  const WeightsFiles files = find_weights(folder, choice);
  const std::string hash = checkpoint_hash(resolved.path, choice);
  return {resolved.path, std::move(resolved.passed_over), folder, model, files, hash};
}

WeightsInfo inspect_weights(const CheckpointInfo& info) {
  const Weights weights(info.weights);
  weights.check(info.model.unet);
  WeightsInfo result;
  for (const std::filesystem::path& file : weights.files()) {
    result.files.push_back(file.lexically_relative(info.folder.root).string());
  }
  const std::set<DType> dtypes = weights.dtypes();
  result.dtypes.assign(dtypes.begin(), dtypes.end());
  return result;
}

std::optional<TrainingState> inspect_training(const CheckpointInfo& info) {
  if (!has_training_state(info.checkpoint)) return std::nullopt;
  return read_training_state(info.checkpoint);
}

}  // namespace ddpm
