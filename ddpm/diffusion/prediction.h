// What a network predicts, and how its output becomes x_0 and eps.
//
// x_t is known, so x_0, eps, v and the mean of the posterior are names of one prediction; they
// differ in what error the loss weighs, and in where they are exact. All weights are float64
// functions of the schedule and the time; applying them to arrays is separate.

#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "ddpm/diffusion/schedule.h"

namespace ddpm {

enum class Prediction {
  kEps,   // the noise, as in [DDPM]
  kX0,    // the image
  kMean,  // mu-tilde, the mean of q(x_{t-1} | x_t, x_0) of [DDPM] eq. 7
  kV,     // v = signal * eps - sigma * x_0 of [PD], Salimans and Ho 2022
};

std::string to_string(Prediction prediction);  // "eps", "x0", "mean", "v"
// Throws InvalidArgument, with the nearest name, for any other word.
Prediction prediction_from(std::string_view name);
const std::vector<Prediction>& all_predictions();

// Throws InvalidArgument that starts with `who` unless the prediction determines x_0 at every t of
// the schedule: eps does not where nothing of the image is left (alpha_bar_t = 0), the mean does
// not where x_{t-1} has nothing of x_0 beside x_t, and none does if x_T is the clean image, because
// then no noise is added at all.
void check_prediction(Prediction prediction, const Schedule& schedule, const std::string& who);

// x_0 = x0_xt * x_t + x0_output * output and eps = eps_xt * x_t + eps_output * output.
struct OutputWeights {
  double x0_xt;
  double x0_output;
  double eps_xt;
  double eps_output;
};

// What the output of a network with this prediction means at t, in [1, T]. Where x_t has no noise,
// eps is 0. Throws InvalidArgument for a t that is none, or at which x_0 stays unknown.
OutputWeights output_weights(Prediction prediction, const Schedule& schedule, int64_t t);

// The same at a level that no time of a schedule has to have. Throws InvalidArgument for the mean,
// which has a meaning between two times alone, and where x_0 stays unknown.
OutputWeights output_weights(Prediction prediction, NoiseLevel level);

// Whether float32 can hold the x_0 and the eps of any image without clipping: no weight is above
// 1e30.
bool fits_unbounded(const OutputWeights& weights);

// Throws InvalidArgument that starts with `who` unless fits_unbounded at every t of the schedule,
// as whatever does not clip x_0 needs.
void check_unbounded_prediction(Prediction prediction, const Schedule& schedule,
                                const std::string& who);

// target = x0 * x_0 + eps * noise: what the network should have said.
struct TargetWeights {
  double x0;
  double eps;
};
TargetWeights target_weights(Prediction prediction, const Schedule& schedule, int64_t t);

// The same on arrays of one size each, value by value. Results may be written onto an argument.
// They throw InvalidArgument if sizes differ.
void training_target(Prediction prediction, const Schedule& schedule, int64_t t,
                     std::span<const float> x0, std::span<const float> eps,
                     std::span<float> target);
void predict_x0(Prediction prediction, const Schedule& schedule, int64_t t,
                std::span<const float> x_t, std::span<const float> output, std::span<float> x0);
void predict_eps(Prediction prediction, const Schedule& schedule, int64_t t,
                 std::span<const float> x_t, std::span<const float> output, std::span<float> eps);

}  // namespace ddpm
