// What a person may get wrong, as lists by what it is about, and what is said of each.

#pragma once

#include <string>
#include <vector>

namespace ddpm {

struct BadInput {
  std::string name;
  std::vector<std::string> arguments;
  int exit_code;
  std::vector<std::string> said;  // all of these are in the line
};

// The program itself, data, training, schedules. In the folder of BadInputs.
const std::vector<BadInput>& bad_inputs_of_training();
// Checkpoints, samples, predictions, likelihoods.
const std::vector<BadInput>& bad_inputs_of_models();
// The commands that make a picture of a model.
const std::vector<BadInput>& bad_inputs_of_pictures();

// `ddpm evaluate KIND` of the fixture's run, with what is wrong behind.
std::vector<std::string> evaluate_with(const std::string& kind,
                                       const std::vector<std::string>& more);

}  // namespace ddpm
