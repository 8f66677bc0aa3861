// scheduler_config.json: how diffusers describes the process that a network was trained for, and
// how it is sampled.
//
// Four classes are read: DDPMScheduler, DDIMScheduler, PNDMScheduler and
// DPMSolverMultistepScheduler, of diffusers 0.42.1.

#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "ddpm/base/json.h"
#include "ddpm/diffusers/model_config.h"

namespace ddpm {

// The process of a scheduler_config.json and its sampling; the network is left as it is by default.
// As in diffusers, a key that the file lacks has the default of its class, keys that start with '_'
// say nothing, and keys of the other classes are passed over, which SamplingConfig lists; but
// variance_type is always what the network learned. -Infinity, which diffusers writes, is read as
// the value of lambda_min_clipped. Throws FormatError that starts with `who` and names the key for
// an unknown key and for what this library cannot do as it is described.
ModelConfig parse_scheduler(std::string_view text, const std::string& who);

// Every field written out, as DDPMScheduler has them. The sampling that is described is this
// library's own, whatever model.sampling says: x_0 clipped to [-1, 1], times that begin at T
// ("trailing").
//   version  of diffusers, whose fields these are
Json scheduler_json(const ModelConfig& model, const Json& version);

// The JSON value of a scheduler_config.json. Strict but for -Infinity, which stands in it as the
// text "-Infinity". Throws FormatError that starts with `who`.
Json scheduler_value(std::string_view text, const std::string& who);

// The same file with every field that it leaves out as its class has it, with diffusers 0.42.1 as
// its version, and without keys of other classes and other keys that begin with "_": what diffusers
// itself would save of that class. Values are not looked at.
//   defaulted  the keys that were left out, if asked for
// Throws FormatError that starts with `who` for another class or a key that no class has.
Json completed_scheduler_json(const Json& json, const std::string& who,
                              std::vector<std::string>* defaulted = nullptr);

// As diffusers writes it, -Infinity included: scheduler_value reads it back.
std::string scheduler_text(const Json& json);

// Throws FormatError that starts with `who` unless the file's _class_name is `wanted`.
void expect_class(const Json& json, const char* wanted, const std::string& who);

}  // namespace ddpm
