#include "ddpm/models/torch_network.h"

#include <c10/core/GradMode.h>
#include <c10/core/InferenceMode.h>

#include <optional>
#include <string>
#include <vector>

#include "ddpm/base/check.h"
#include "ddpm/models/autocast.h"
#include "ddpm/tensor/convert.h"
#include "ddpm/unet/call.h"

namespace ddpm {

namespace {

Tensor timestep_tensor(const UNetConfig& config, std::span<const Timestep> timesteps,
                       at::Device device) {
  std::vector<int64_t> indices;
  for (const Timestep& timestep : timesteps) {
    check_learned_time(config, timestep.index);
    indices.push_back(timestep.index);
  }
  return to_tensor(indices, device);
}

UNetCall call_with(int64_t label, int64_t images, at::Device device) {
  UNetCall call;
  if (label != kNoLabel) {
    call.labels = to_tensor(std::vector<int64_t>(static_cast<size_t>(images), label), device);
  }
  return call;
}

}  // namespace

Network make_torch_network(std::shared_ptr<const UNet> unet, at::Device device, Precision precision,
                           int64_t label) {
  check_label(unet->config(), label);
  return [unet = std::move(unet), device, precision, label](
             ConstBatchView x, std::span<const Timestep> timesteps, BatchView output) {
    check_call_shapes(unet->config(), x.shape(), std::ssize(timesteps), output.shape());
    if (x.images() == 0) return;
    const c10::InferenceMode inference;  // of this thread, so it has to be set here
    std::optional<AutocastBFloat16> autocast;
    if (precision == Precision::kBFloat16) autocast.emplace(device.type());
    const Tensor n = timestep_tensor(unet->config(), timesteps, device);
    copy_to(unet->forward(to_tensor(x, device), n, call_with(label, x.images(), device)), output);
  };
}

NetworkVjp make_torch_vjp(std::shared_ptr<const UNet> unet, at::Device device, Precision precision,
                          int64_t label) {
  check_label(unet->config(), label);
  return [unet = std::move(unet), device, precision, label](
             ConstBatchView x, std::span<const Timestep> timesteps, ConstBatchView cotangent,
             BatchView output, BatchView product) {
    check_call_shapes(unet->config(), x.shape(), std::ssize(timesteps), output.shape());
    DDPM_CHECK(cotangent.shape() == output.shape() && product.shape() == x.shape(),
               "network: wanted a cotangent ", output.shape(), " and a product ", x.shape(),
               ", got ", cotangent.shape(), " and ", product.shape());
    if (x.images() == 0) return;
    const c10::AutoGradMode gradients(true);  // of this thread
    const Tensor x_tensor = to_tensor(x, device).requires_grad_(true);
    Tensor said;
    {
      std::optional<AutocastBFloat16> autocast;
      if (precision == Precision::kBFloat16) autocast.emplace(device.type());
      said = unet->forward(x_tensor, timestep_tensor(unet->config(), timesteps, device),
                           call_with(label, x.images(), device));
    }
    said.backward(to_tensor(cotangent, device).to(said.scalar_type()));
    copy_to(said.detach(), output);
    copy_to(x_tensor.grad(), product);
  };
}

}  // namespace ddpm
