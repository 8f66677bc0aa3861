#include "ddpm/diffusion/prediction.h"

#include <array>

#include "ddpm/base/check.h"
#include "ddpm/base/names.h"

namespace ddpm {

namespace {

OutputWeights eps_output_weights(NoiseLevel level) {
  return {.x0_xt = 1.0 / level.signal,  // [DDPM] eq. 15
          .x0_output = -level.sigma / level.signal,
          .eps_xt = 0.0,
          .eps_output = 1.0};
}

OutputWeights v_output_weights(NoiseLevel level) {
  return {.x0_xt = level.signal,  // [PD] section 4
          .x0_output = -level.sigma,
          .eps_xt = level.sigma,
          .eps_output = level.signal};
}

TargetWeights eps_target_weights(NoiseLevel) { return {.x0 = 0.0, .eps = 1.0}; }

TargetWeights v_target_weights(NoiseLevel level) {
  return {.x0 = -level.sigma, .eps = level.signal};  // [PD] section 4
}

// All that there is to know of a prediction; a new one is a line here.
struct Row {
  Prediction prediction;
  std::string_view name;
  OutputWeights (*output_weights)(NoiseLevel);
  TargetWeights (*target_weights)(NoiseLevel);
};
constexpr std::array<Row, 2> kRows = {{
    {Prediction::kEps, "eps", eps_output_weights, eps_target_weights},
    {Prediction::kV, "v", v_output_weights, v_target_weights},
}};

const Row& row_of(Prediction prediction) {
  for (const Row& row : kRows) {
    if (row.prediction == prediction) return row;
  }
  throw std::logic_error("prediction: an unknown kind");
}

void combine(const char* who, double a_weight, std::span<const float> a, double b_weight,
             std::span<const float> b, std::span<float> out) {
  DDPM_CHECK(a.size() == b.size() && a.size() == out.size(), who,
             ": the three sizes must be equal, got ", a.size(), ", ", b.size(), " and ",
             out.size());
  for (size_t i = 0; i < out.size(); ++i) {
    out[i] = static_cast<float>(a_weight * a[i] + b_weight * b[i]);
  }
}

}  // namespace

std::string to_string(Prediction prediction) { return std::string(row_of(prediction).name); }

Prediction prediction_from(std::string_view name) {
  std::array<Named<Prediction>, kRows.size()> names;
  for (size_t i = 0; i < names.size(); ++i) names[i] = {kRows[i].prediction, kRows[i].name};
  return value_named(names, "prediction", name);
}

const std::vector<Prediction>& all_predictions() {
  static const std::vector<Prediction> all = [] {
    std::vector<Prediction> list;
    for (const Row& row : kRows) list.push_back(row.prediction);
    return list;
  }();
  return all;
}

OutputWeights output_weights(Prediction prediction, NoiseLevel level) {
  return row_of(prediction).output_weights(level);
}

TargetWeights target_weights(Prediction prediction, NoiseLevel level) {
  return row_of(prediction).target_weights(level);
}

void training_target(Prediction prediction, NoiseLevel level, std::span<const float> x0,
                     std::span<const float> eps, std::span<float> target) {
  const TargetWeights weights = target_weights(prediction, level);
  combine("training_target", weights.x0, x0, weights.eps, eps, target);
}

void predict_x0(Prediction prediction, NoiseLevel level, std::span<const float> x_t,
                std::span<const float> output, std::span<float> x0) {
  const OutputWeights weights = output_weights(prediction, level);
  combine("predict_x0", weights.x0_xt, x_t, weights.x0_output, output, x0);
}

void predict_eps(Prediction prediction, NoiseLevel level, std::span<const float> x_t,
                 std::span<const float> output, std::span<float> eps) {
  const OutputWeights weights = output_weights(prediction, level);
  combine("predict_eps", weights.eps_xt, x_t, weights.eps_output, output, eps);
}

}  // namespace ddpm
