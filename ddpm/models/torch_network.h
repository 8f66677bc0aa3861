// A LibTorch network as the network that samplers call.

#pragma once

#include <memory>

#include "ddpm/diffusion/network.h"
#include "ddpm/models/unet.h"
#include "ddpm/tensor/tensor.h"
#include "ddpm/unet/precision.h"

namespace ddpm {

// Calls unet, which is on `device`, in evaluation mode, whichever thread calls; with a
// vector-Jacobian product. No gradient of a parameter is computed or kept.
NetworkPointer make_torch_network(std::shared_ptr<const UNet> unet, at::Device device,
                                  Precision precision);

}  // namespace ddpm
