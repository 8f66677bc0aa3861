#include "ddpm/models/torch_network.h"

#include <c10/core/InferenceMode.h>

#include <optional>
#include <vector>

#include "ddpm/base/check.h"
#include "ddpm/models/autocast.h"
#include "ddpm/tensor/convert.h"

namespace ddpm {

namespace {

void check_shapes(const UNetConfig& config, const BatchShape& x, size_t timesteps,
                  const BatchShape& output) {
  const BatchShape wanted{x.images, config.image_channels, config.height, config.width};
  DDPM_CHECK(x == wanted, "network: x must have the shape ", wanted, ", got ", x);
  const BatchShape answer{x.images, config.output_channels(), config.height, config.width};
  DDPM_CHECK(output == answer, "network: output must have the shape ", answer, ", got ", output);
  DDPM_CHECK(static_cast<int64_t>(timesteps) == x.images, "network: wanted one timestep an image, ",
             x.images, ", got ", timesteps);
}

}  // namespace

Network make_torch_network(std::shared_ptr<const UNet> unet, at::Device device,
                           Precision precision) {
  return [unet = std::move(unet), device, precision](
             ConstBatchView x, std::span<const Timestep> timesteps, BatchView output) {
    check_shapes(unet->config(), x.shape(), timesteps.size(), output.shape());
    if (x.images() == 0) return;
    const c10::InferenceMode inference;  // of this thread, so it has to be set here
    std::vector<int64_t> indices;
    for (const Timestep& timestep : timesteps) indices.push_back(timestep.index);
    std::optional<AutocastBFloat16> autocast;
    if (precision == Precision::kBFloat16) autocast.emplace(device.type());
    copy_to(unet->forward(to_tensor(x, device), to_tensor(indices, device)), output);
  };
}

}  // namespace ddpm
