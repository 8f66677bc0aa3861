// What diffusers' DDPMPipeline cannot do with a network that UNet2DModel opens.

#pragma once

#include <string>
#include <vector>

#include "ddpm/diffusers/model_config.h"

namespace ddpm {

// One line each, without a full stop; none for a model that it samples from as this library does.
//   learned variance  is the logarithm here and the variance itself there, so its samples would be
//                     wrong without a word; learned_range means the same in both
//   mean              it opens and refuses to sample from: it has no such prediction
//   classes           it opens and refuses to sample from: it gives no labels
std::vector<std::string> pipeline_limits(const ModelConfig& model);

// Throws InvalidArgument that starts with `who` if its samples would be wrong without a word.
void refuse_wrong_samples(const ModelConfig& model, const std::string& who);

}  // namespace ddpm
