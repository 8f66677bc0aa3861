// What a person may get wrong, as lists by what it is about, and what is said of each.

#pragma once

#include <filesystem>
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
// Folders of diffusers' that are damaged, hostile or of something else.
std::vector<BadInput> bad_inputs_of_checkpoints();
// `ddpm export`.
const std::vector<BadInput>& bad_inputs_of_export();
// The commands that make a picture of a model.
const std::vector<BadInput>& bad_inputs_of_pictures();
// Weights of other systems, of the files that write_weights_to_convert makes.
const std::vector<BadInput>& bad_inputs_of_conversion();

// Small files of other systems' names, most of them with something wrong.
void write_weights_to_convert(const std::filesystem::path& folder);

// Writes the folders of bad_inputs_of_checkpoints into `folder`/bad, each from this checkpoint.
void write_bad_checkpoints(const std::filesystem::path& folder,
                           const std::filesystem::path& checkpoint);

// `ddpm evaluate KIND` of the fixture's run, with what is wrong behind.
std::vector<std::string> evaluate_with(const std::string& kind,
                                       const std::vector<std::string>& more);

}  // namespace ddpm
