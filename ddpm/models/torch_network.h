// A LibTorch network as the function that samplers see.

#pragma once

#include <cstdint>
#include <memory>

#include "ddpm/diffusion/network.h"
#include "ddpm/formats/precision.h"
#include "ddpm/models/unet.h"
#include "ddpm/tensor/tensor.h"
#include "ddpm/unet/call.h"

namespace ddpm {

// Calls unet, which is on `device`, in evaluation mode and without gradients, whichever thread
// calls.
//   label  the class of all images, in [0, classes); kNoLabel for a network without classes
// Throws InvalidArgument for another label. The function throws it for arrays of another shape than
// the network's, and for a timestep that its table of learned times does not have.
Network make_torch_network(std::shared_ptr<const UNet> unet, at::Device device, Precision precision,
                           int64_t label = kNoLabel);

// The same with gradients through x: in evaluation mode too.
NetworkVjp make_torch_vjp(std::shared_ptr<const UNet> unet, at::Device device, Precision precision,
                          int64_t label = kNoLabel);

}  // namespace ddpm
