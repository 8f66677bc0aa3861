#include "ddpm/engine/engine_network.h"

#include <algorithm>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "ddpm/base/check.h"
#include "ddpm/checkpoints/diffusers.h"
#include "ddpm/checkpoints/weights.h"
#include "ddpm/engine/plan.h"
#include "ddpm/formats/unet_call.h"

namespace ddpm {

namespace {

// A process may have a million times, and a row of them takes tens of kilobytes.
constexpr int64_t kMostKeptTimes = 4096;

// More than 16 images share the weights no better, and activations of more than some hundred
// megabytes only wait for the memory.
int64_t images_that_pay(const UNetConfig& config) {
  constexpr int64_t kMost = 16, kActivations = int64_t{1} << 28;
  const int64_t bytes = plan_memory(build_graph(config)).size * int64_t{sizeof(float)};
  return std::clamp<int64_t>(kActivations / bytes, 1, kMost);
}

// Calls the engine slice by slice.
class EngineNetwork {
 public:
  EngineNetwork(CompiledUNet engine, int64_t label) : engine_(std::move(engine)) {
    const auto most = static_cast<size_t>(engine_.options().max_batch);
    timesteps_.resize(most);
    if (label >= 0) labels_.assign(most, label);
  }

  void operator()(ConstBatchView x, std::span<const Timestep> timesteps, BatchView output) {
    check_call_shapes(engine_.config(), x.shape(), std::ssize(timesteps), output.shape());
    for (int64_t first = 0; first < x.images(); first += std::ssize(timesteps_)) {
      const int64_t count = std::min(std::ssize(timesteps_), x.images() - first);
      for (int64_t i = 0; i < count; ++i) {
        timesteps_[static_cast<size_t>(i)] = timesteps[static_cast<size_t>(first + i)].index;
      }
      engine_.predict(x.slice(first, count).values().data(), timesteps_.data(),
                      labels_.empty() ? nullptr : labels_.data(), count,
                      output.slice(first, count).values().data());
    }
  }

 private:
  CompiledUNet engine_;
  std::vector<int64_t> timesteps_;
  std::vector<int64_t> labels_;
};

CompiledUNet compile(const ModelFolder& folder, const ModelConfig& model,
                     const EngineNetworkOptions& options) {
  const Weights weights(find_weights(folder, options.weights));
  weights.check(model.unet);  // before memory is taken for them
  return CompiledUNet(
      model.unet, [&](const std::string& name) { return weights.values(name); },
      {.max_batch = options.max_batch != 0 ? options.max_batch : images_that_pay(model.unet),
       .threads = options.threads,
       .precision = options.precision,
       .kept_times = std::min(model.schedule.T, kMostKeptTimes)});
}

}  // namespace

CompiledUNet open_engine(const std::filesystem::path& checkpoint,
                         const EngineNetworkOptions& options) {
  const ModelFolder folder = find_model_folder(checkpoint, options.weights.ema);
  return compile(folder, read_model_config(folder), options);
}

Network open_engine_network(const std::filesystem::path& checkpoint,
                            const EngineNetworkOptions& options) {
  const ModelFolder folder = find_model_folder(checkpoint, options.weights.ema);
  const ModelConfig model = read_model_config(folder);
  check_label(model.unet, options.label);
  auto network = std::make_shared<EngineNetwork>(compile(folder, model, options), options.label);
  return [network](ConstBatchView x, std::span<const Timestep> timesteps, BatchView output) {
    (*network)(x, timesteps, output);
  };
}

}  // namespace ddpm
