// What `train` and `plan` were asked for.

#pragma once

#include <chrono>
#include <filesystem>
#include <string>
#include <vector>

#include "ddpm/config/train_config.h"

namespace ddpm {

struct TrainRequest {
  TrainConfig config;                   // of a new run, or what was asked for beside --resume
  std::vector<std::string> given_keys;  // the configuration keys that the command line named
  std::filesystem::path run;            // --out, or --resume
  bool resume = false;
  bool allow_other_data = false;
  double fit_seconds = 0.0;  // of `plan`: say how many steps fit into this; 0: do not
  std::chrono::steady_clock::time_point began;  // when the program was started
  std::string program;                          // as it was started
  std::string next;  // of `plan`: the line that says how to train what was planned
};

}  // namespace ddpm
