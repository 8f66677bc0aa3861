// scheduler_config.json: how diffusers describes the process that a network was trained for.

#pragma once

#include <string>
#include <string_view>

#include "ddpm/base/json.h"
#include "ddpm/checkpoints/model_config.h"

namespace ddpm {

// The process of a scheduler_config.json; the network is left as it is by default. As in
// diffusers, a key that the file lacks has diffusers' default, and keys that start with '_' say
// nothing. timestep_spacing only tells which times a shorter sampling visits, which is the
// sampler's to choose here. Throws FormatError that starts with `who` and names the key for what
// this library cannot do as it is described.
ModelConfig parse_scheduler(std::string_view text, const std::string& who);

// Every field written out. The sampling that is described is this library's own: x_0 clipped to
// [-1, 1], times that begin at T ("trailing").
//   version  of diffusers, whose fields these are
Json scheduler_json(const ModelConfig& model, const Json& version);

// Throws FormatError that starts with `who` unless the file's _class_name is `wanted`.
void expect_class(const Json& json, const char* wanted, const std::string& who);

}  // namespace ddpm
