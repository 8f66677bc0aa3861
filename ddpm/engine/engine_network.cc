#include "ddpm/engine/engine_network.h"

#include <algorithm>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "ddpm/base/check.h"
#include "ddpm/diffusers/model_files.h"
#include "ddpm/diffusers/weights.h"
#include "ddpm/engine/memory_plan.h"
#include "ddpm/unet/call.h"

namespace ddpm {

namespace {

// A process may have a million times, and a row of them takes tens of kilobytes.
constexpr int64_t kMostKeptTimes = 4096;

class EngineNetwork : public Network {
 public:
  explicit EngineNetwork(CompiledUNet engine) : engine_(std::move(engine)) {}

  void predict(const NetworkInput& input, BatchView output) override {
    check_call_shapes(engine_.config(), input.x.shape(), std::ssize(input.timesteps),
                      output.shape());
    check_labels(engine_.config(), input.labels, input.x.images());
    if (input.x.images() == 0) return;
    timesteps_.clear();
    for (const Timestep timestep : input.timesteps) timesteps_.push_back(timestep.index);
    engine_.predict(input.x.values().data(), timesteps_.data(),
                    input.labels.empty() ? nullptr : input.labels.data(), input.x.images(),
                    output.values().data());
  }

  int64_t max_useful_batch() const override { return engine_.options().at_once; }

 private:
  CompiledUNet engine_;
  std::vector<int64_t> timesteps_;
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
  const CpuPath path = options.path.value_or(fastest_cpu_path());
  const Weights weights(find_weights(folder, options.weights));
  weights.check(unet);  // before memory is taken for them
  return CompiledUNet(unet, [&](const std::string& name) { return weights.values(name); },
                      {.at_once = options.at_once,
                       .threads = options.threads,
                       .precision = precision_in_use(options.precision, path),
                       .kept_times = times_to_keep(folder),
                       .path = path});
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

NetworkPointer open_engine_network(const std::filesystem::path& checkpoint,
                                   const EngineNetworkOptions& options) {
  return std::make_shared<EngineNetwork>(open_engine(checkpoint, options));
}

}  // namespace ddpm
