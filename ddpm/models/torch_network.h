// A LibTorch network as the function that samplers see.

#pragma once

#include <memory>

#include "ddpm/diffusion/network.h"
#include "ddpm/models/unet.h"
#include "ddpm/tensor/tensor.h"

namespace ddpm {

enum class Precision {
  kFloat32,
  kBFloat16,  // products in bfloat16, sums and normalisations in float32
};

// Calls unet, which is on `device`, in evaluation mode and without gradients, whichever thread
// calls. Throws InvalidArgument for arrays of another shape than the network's.
Network make_torch_network(std::shared_ptr<const UNet> unet, at::Device device,
                           Precision precision);

// The same with gradients through x: in evaluation mode too.
NetworkVjp make_torch_vjp(std::shared_ptr<const UNet> unet, at::Device device, Precision precision);

}  // namespace ddpm
