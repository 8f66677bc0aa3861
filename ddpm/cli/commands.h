// The commands, each a description and what it does.

#pragma once

#include <functional>
#include <string>
#include <vector>

#include "ddpm/jobs/torch_hooks.h"
#include "ddpm/terminal/flags.h"

namespace ddpm {

// What a command does once its flags are read; returns the exit code.
using Action = std::function<int(const TorchHooks& hooks)>;

struct Command {
  std::string name;     // one word, or two: "evaluate bpd"
  std::string summary;  // one line of `ddpm --help`
  std::string example;  // shown at the end of its own help
  bool needs_torch;     // whatever its flags say: handed over by a program without hooks
  std::function<Action(Flags& flags)> declare;
};

Command train_command();
Command plan_command();
Command sample_command();
Command denoise_command();
Command progressive_command();
Command family_command();
Command interpolate_command();
Command reconstruct_command();
Command inpaint_command();
Command predict_command();
Command forward_command();
Command schedule_command();
Command evaluate_bpd_command();
Command evaluate_rate_distortion_command();
Command evaluate_ode_command();
Command export_command();
Command info_command();
Command convert_command();

std::vector<Command> all_commands();

}  // namespace ddpm
