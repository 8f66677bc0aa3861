// The checkpoints of diffusers' first releases: other names for the tensors of attention, and
// descriptions with fewer keys.
//
// What is aimed at is release 0.2.4 (August 2022), whose descriptions the files of Google's models
// at Hugging Face have. The names were changed in 0.17; releases since then rename as they read.
// Everything but the names and the missing keys is as today: release 0.2.4 reads nested folders
// too, but wants the weights as torch.save writes them; 0.11 reads safetensors.

#pragma once

#include <string>

#include "ddpm/base/json.h"
#include "ddpm/diffusers/model_config.h"

namespace ddpm {

// "..attentions.0.to_q.weight" as "..attentions.0.query.weight", and so key, value and proj_attn;
// other names are the same.
std::string old_parameter_name(const std::string& name);

// A config.json of a UNet2DModel with the 17 arguments that its constructor had.
//   json  of today, every field written out
// Throws InvalidArgument that starts with `who` and names the key of which 0.2.4 had another value
// built in. Dropout, which only training has, is left out whatever it is. norm_num_groups has to be
// 32: all blocks but the middle had that, whatever the key said.
Json old_unet_json(const Json& json, const std::string& who);

// A scheduler_config.json of a DDPMScheduler with the 7 arguments that its constructor had. A
// schedule without a word there is written as its betas. Throws InvalidArgument that starts with
// `who` and names the key of which 0.2.4 had another value built in; timestep_spacing, which was
// "leading", is left out whatever it is: with all steps it says nothing.
//   json  of today, every field written out
Json old_scheduler_json(const Json& json, const ScheduleConfig& schedule, const std::string& who);

// "0.2.4".
std::string old_diffusers_version();

}  // namespace ddpm
