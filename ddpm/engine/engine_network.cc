#include "ddpm/engine/engine_network.h"

#include <algorithm>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "ddpm/base/check.h"
#include "ddpm/checkpoints/diffusers.h"
#include "ddpm/checkpoints/weights.h"
#include "ddpm/engine/memory_plan.h"
#include "ddpm/unet/call.h"

namespace ddpm {

namespace {

// A process may have a million times, and a row of them takes tens of kilobytes.
constexpr int64_t kMostKeptTimes = 4096;

// The engine as a function; it has made room for the largest batch of the calls so far.
class EngineNetwork {
 public:
  EngineNetwork(CompiledUNet engine, int64_t label) : engine_(std::move(engine)), label_(label) {}

  void operator()(ConstBatchView x, std::span<const Timestep> timesteps, BatchView output) {
    check_call_shapes(engine_.config(), x.shape(), std::ssize(timesteps), output.shape());
    if (x.images() == 0) return;
    timesteps_.clear();
    for (const Timestep timestep : timesteps) timesteps_.push_back(timestep.index);
    labels_.assign(label_ == kNoLabel ? 0 : timesteps.size(), label_);
    engine_.predict(x.values().data(), timesteps_.data(),
                    label_ == kNoLabel ? nullptr : labels_.data(), x.images(),
                    output.values().data());
  }

 private:
  CompiledUNet engine_;
  int64_t label_;
  std::vector<int64_t> timesteps_;
  std::vector<int64_t> labels_;
};

// T of the process; as many as most processes have where the folder describes none.
int64_t times_to_keep(const ModelFolder& folder) {
  try {
    return std::min(read_model_config(folder).schedule.T, kMostKeptTimes);
  } catch (const Error&) {
    return EngineOptions().kept_times;
  }
}

CompiledUNet compile(const ModelFolder& folder, const UNetConfig& unet,
                     const EngineNetworkOptions& options) {
  const Weights weights(find_weights(folder, options.weights));
  weights.check(unet);  // before memory is taken for them
  return CompiledUNet(unet, [&](const std::string& name) { return weights.values(name); },
                      {.at_once = options.at_once,
                       .threads = options.threads,
                       .precision = precision_in_use(options.precision),
                       .kept_times = times_to_keep(folder)});
}

}  // namespace

Precision precision_in_use(Precision asked, CpuPath path) {
  return path == CpuPath::kAvx512Bf16 ? asked : Precision::kFloat32;
}

CompiledUNet open_engine(const std::filesystem::path& checkpoint,
                         const EngineNetworkOptions& options) {
  const ModelFolder folder = find_model_folder(checkpoint, options.weights.ema);
  return compile(folder, read_network_config(folder), options);
}

Network open_engine_network(const std::filesystem::path& checkpoint,
                            const EngineNetworkOptions& options) {
  const ModelFolder folder = find_model_folder(checkpoint, options.weights.ema);
  const UNetConfig unet = read_network_config(folder);
  check_label(unet, options.label);
  auto network = std::make_shared<EngineNetwork>(compile(folder, unet, options), options.label);
  return [network](ConstBatchView x, std::span<const Timestep> timesteps, BatchView output) {
    (*network)(x, timesteps, output);
  };
}

}  // namespace ddpm
