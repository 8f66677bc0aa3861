// What a network predicts, and how its output becomes x_0 and eps.
//
// x_t is known, so x_0, eps and v are three names of one prediction; they differ in what error the
// loss weighs, and in where they are exact. All weights are float64 functions of the noise level
// alone; applying them to arrays is separate.

#pragma once

#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "ddpm/diffusion/schedule.h"

namespace ddpm {

enum class Prediction {
  kEps,  // the noise, as in [DDPM]
  kV,    // v = signal * eps - sigma * x_0 of [PD], Salimans and Ho 2022
};

std::string to_string(Prediction prediction);  // "eps", "v"
// Throws InvalidArgument, with the nearest name, for any other word.
Prediction prediction_from(std::string_view name);
const std::vector<Prediction>& all_predictions();

// x_0 = x0_xt * x_t + x0_output * output and eps = eps_xt * x_t + eps_output * output.
struct OutputWeights {
  double x0_xt;
  double x0_output;
  double eps_xt;
  double eps_output;
};

// What a network with this prediction means at a level with sigma > 0.
OutputWeights output_weights(Prediction prediction, NoiseLevel level);

// target = x0 * x_0 + eps * noise: what the network should have said.
struct TargetWeights {
  double x0;
  double eps;
};
TargetWeights target_weights(Prediction prediction, NoiseLevel level);

// The same on arrays of one size each, value by value. Results may be written onto an argument.
// They throw InvalidArgument if sizes differ.
void training_target(Prediction prediction, NoiseLevel level, std::span<const float> x0,
                     std::span<const float> eps, std::span<float> target);
void predict_x0(Prediction prediction, NoiseLevel level, std::span<const float> x_t,
                std::span<const float> output, std::span<float> x0);
void predict_eps(Prediction prediction, NoiseLevel level, std::span<const float> x_t,
                 std::span<const float> output, std::span<float> eps);

}  // namespace ddpm
