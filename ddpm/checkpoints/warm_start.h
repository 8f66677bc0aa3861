// Beginning with the weights of another checkpoint.

#pragma once

#include <span>
#include <string>
#include <vector>

#include "ddpm/config/train_config.h"
#include "ddpm/diffusers/model_config.h"
#include "ddpm/diffusers/parameters.h"

namespace ddpm {

// The configuration of a run that begins with the weights of `model`: what no key of `named` asks
// for is the model's, which is its network (if none of the keys that describe one is named), the
// images' size and channels, dropout, the schedule (if none of its keys is named), what is
// predicted, the variance, and with a learned one the hybrid loss. A network's classes are left
// out: they cannot be trained here.
TrainConfig config_begun_from(TrainConfig config, const ModelConfig& model,
                              std::span<const std::string> named);

// What became of each tensor.
struct WarmStart {
  ParameterValues values;          // one array a parameter of the new network; empty: begun afresh
  std::vector<std::string> lines;  // for a person: taken, begun afresh, left out
};

// Takes each array of the old network that the new one has under the same name and in the same
// shape. Throws InvalidArgument that starts with `who` if there is none.
//   old_values  one array a parameter of old_unet
WarmStart take_over(const UNetConfig& unet, const UNetConfig& old_unet, ParameterValues old_values,
                    const std::string& who);

}  // namespace ddpm
