#include "ddpm/cli_torch/torch_hooks.h"

#include <ATen/CPUGeneratorImpl.h>
#include <ATen/ops/randn.h>
#include <torch/csrc/api/include/torch/version.h>

#include <algorithm>

#include "ddpm/cli_torch/device.h"
#include "ddpm/diffusers/model_files.h"
#include "ddpm/diffusers/model_folder.h"
#include "ddpm/diffusers/weights.h"
#include "ddpm/models/torch_network.h"
#include "ddpm/training_torch/torch_learner.h"

namespace ddpm {

NetworkPointer open_network_with_torch(const std::filesystem::path& checkpoint,
                                       const BackendOptions& options) {
  set_threads(options.threads);
  const at::Device device = open_device("ddpm", options.device);
  const ModelFolder folder = find_model_folder(checkpoint, options.weights.ema);
  const UNetConfig config = read_network_config(folder);
  const Weights weights(find_weights(folder, options.weights));
  weights.check(config);  // before memory is taken for them
  const auto network = std::make_shared<UNet>(config);
  weights.read(config, [&](size_t k, const std::vector<float>& values) {
    network->parameters().copy_one(k, values);
  });
  network->to(device);
  return make_torch_network(network, device, options.precision);
}

NormalDraws torch_normal_draws(uint64_t seed) {
  at::Generator generator = at::detail::createCPUGenerator(seed);
  return [generator](std::span<float> values) mutable {
    const Tensor drawn = at::randn({std::ssize(values)}, generator, at::kFloat);
    std::copy_n(drawn.const_data_ptr<float>(), values.size(), values.begin());
  };
}

TrainingDevice open_training_with_torch(const std::string& command, const std::string& device,
                                        int64_t threads) {
  const int64_t number = set_threads(threads);
  const at::Device opened = open_device(command, device);
  return {.name = opened.str(), .threads = number, .make_learner = torch_learners(opened)};
}

TorchHooks torch_hooks() {
  return {.libtorch_version = TORCH_VERSION,
          .open_training = open_training_with_torch,
          .has_gpu = [] { return open_device("ddpm", "auto").is_cuda(); },
          .open_network = open_network_with_torch,
          .torch_normal = torch_normal_draws};
}

}  // namespace ddpm
