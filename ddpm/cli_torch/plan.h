// What a run will be, said before anything is trained.

#pragma once

#include <cstdint>
#include <string>

#include "ddpm/config/train_config.h"
#include "ddpm/data/dataset.h"
#include "ddpm/tensor/tensor.h"

namespace ddpm {

// The network of a configuration for these data. Throws InvalidArgument for a size that it cannot
// take.
UNetConfig network_for(const TrainConfig& config, const Dataset& dataset);

// The network, the process and the training in a few lines, each ending in a newline.
std::string summary_lines(const TrainConfig& config, const UNetConfig& unet, const Dataset& dataset,
                          at::Device device, int64_t threads);

// What it will cost: multiply-adds, memory, the time of a step (measured on one, of another network
// than the one that is trained) and of the run, a suggested batch; lines as above.
std::string cost_lines(const TrainConfig& config, const UNetConfig& unet, const Dataset& dataset,
                       at::Device device);

}  // namespace ddpm
