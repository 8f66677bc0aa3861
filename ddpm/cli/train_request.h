// The request of `train` and `plan`.

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
  double fit_seconds = 0.0;  // of `plan`: the time for the steps that it counts; 0: counts none
  std::chrono::steady_clock::time_point began;  // when the program was started
  std::string program;                          // as it was started
  std::string next;  // of `plan`: the command that trains what was planned
};

}  // namespace ddpm
