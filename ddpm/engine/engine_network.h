// The engine opened on a checkpoint, as the network that samplers call.

#pragma once

#include <cstdint>
#include <filesystem>
#include <optional>

#include "ddpm/diffusers/model_folder.h"
#include "ddpm/diffusion/network.h"
#include "ddpm/engine/compiled_unet.h"

namespace ddpm {

struct EngineNetworkOptions {
  WeightsChoice weights = {};                 // which of a folder's
  Precision precision = Precision::kFloat32;  // see precision_in_use
  int64_t threads = 0;                        // 0: one for each core
  int64_t at_once = 0;                        // images worked on at once, see EngineOptions
  std::optional<CpuPath> path = {};           // see EngineOptions
};

// What the products are computed in on a path of the CPU: bfloat16 only where there are
// instructions for it. Elsewhere every number would be widened at each use, which takes 1.4 times
// as long as float32, and float32 keeps every promise that is made of bfloat16's error.
Precision precision_in_use(Precision asked, CpuPath path);

// Opens what --checkpoint takes: a checkpoint of ours, a folder of diffusers', a network alone.
// Throws InvalidArgument, IoError and FormatError as reading such a folder does, before anything is
// computed.
CompiledUNet open_engine(const std::filesystem::path& checkpoint,
                         const EngineNetworkOptions& options = {});

// The same as a network, without a vector-Jacobian product.
NetworkPointer open_engine_network(const std::filesystem::path& checkpoint,
                                   const EngineNetworkOptions& options = {});

}  // namespace ddpm
