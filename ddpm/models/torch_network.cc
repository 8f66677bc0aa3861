#include "ddpm/models/torch_network.h"

#include <c10/core/GradMode.h>
#include <c10/core/InferenceMode.h>

#include <optional>
#include <utility>
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

class TorchNetwork : public Network {
 public:
  TorchNetwork(std::shared_ptr<const UNet> unet, at::Device device, Precision precision)
      : unet_(std::move(unet)), device_(device), precision_(precision) {}

  void predict(const NetworkInput& input, BatchView output) override {
    check(input, output);
    if (input.x.images() == 0) return;
    const c10::InferenceMode inference;  // of this thread, so it has to be set here
    copy_to(forward(to_tensor(input.x, device_), input), output);
  }

  bool has_vjp() const override { return true; }

  void predict_vjp(const NetworkInput& input, ConstBatchView cotangent, BatchView output,
                   BatchView product) override {
    check(input, output);
    DDPM_CHECK(cotangent.shape() == output.shape() && product.shape() == input.x.shape(),
               "network: expected a cotangent ", output.shape(), " and a product ", input.x.shape(),
               ", got ", cotangent.shape(), " and ", product.shape());
    if (input.x.images() == 0) return;
    const c10::AutoGradMode gradients(true);  // of this thread
    const Tensor x = to_tensor(input.x, device_).requires_grad_(true);
    const Tensor y = forward(x, input);
    y.backward(to_tensor(cotangent, device_).to(y.scalar_type()));
    copy_to(y.detach(), output);
    copy_to(x.grad(), product);
  }

 private:
  void check(const NetworkInput& input, ConstBatchView output) const {
    const UNetConfig& config = unet_->config();
    check_call_shapes(config, input.x.shape(), std::ssize(input.timesteps), output.shape());
    check_labels(config, input.labels, input.x.images());
  }

  Tensor forward(const Tensor& x, const NetworkInput& input) const {
    std::optional<AutocastBFloat16> autocast;
    if (precision_ == Precision::kBFloat16) autocast.emplace(device_.type());
    UNetCall call;
    if (!input.labels.empty()) {
      call.labels = to_tensor({input.labels.begin(), input.labels.end()}, device_);
    }
    return unet_->forward(x, timestep_tensor(unet_->config(), input.timesteps, device_), call);
  }

  std::shared_ptr<const UNet> unet_;
  at::Device device_;
  Precision precision_;
};

}  // namespace

NetworkPointer make_torch_network(std::shared_ptr<const UNet> unet, at::Device device,
                                  Precision precision) {
  return std::make_shared<TorchNetwork>(std::move(unet), device, precision);
}

}  // namespace ddpm
