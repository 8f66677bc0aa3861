#include "ddpm/diffusion/prediction.h"

#include <array>
#include <cmath>

#include "ddpm/base/check.h"
#include "ddpm/base/names.h"

namespace ddpm {

namespace {

constexpr double kMaxWeight = 1e30;  // times images and rounding errors still below 3.4e38

// What the rows below need to know of a time.
struct Point {
  NoiseLevel level;
  Posterior posterior;
};

Point point_at(const Schedule& schedule, int64_t t) {
  return {schedule.level(t), schedule.posterior(t)};
}

// The eps that goes with x_0: (x_t - signal x_0) / sigma.
OutputWeights with_eps(double x0_xt, double x0_output, NoiseLevel level) {
  if (level.is_clean()) return {x0_xt, x0_output, 0.0, 0.0};
  return {.x0_xt = x0_xt,
          .x0_output = x0_output,
          .eps_xt = (1.0 - level.signal * x0_xt) / level.sigma,
          .eps_output = -level.signal * x0_output / level.sigma};
}

OutputWeights eps_output_weights(const Point& point) {
  const NoiseLevel level = point.level;
  return {.x0_xt = 1.0 / level.signal,  // [DDPM] eq. 15
          .x0_output = -level.sigma / level.signal,
          .eps_xt = 0.0,
          .eps_output = 1.0};
}

OutputWeights x0_output_weights(const Point& point) { return with_eps(0.0, 1.0, point.level); }

OutputWeights mean_output_weights(const Point& point) {
  const Posterior& q = point.posterior;
  return with_eps(-q.xt_weight / q.x0_weight, 1.0 / q.x0_weight, point.level);  // [DDPM] eq. 7
}

OutputWeights v_output_weights(const Point& point) {
  const NoiseLevel level = point.level;
  return {.x0_xt = level.signal,  // [PD] section 4
          .x0_output = -level.sigma,
          .eps_xt = level.sigma,
          .eps_output = level.signal};
}

TargetWeights eps_target_weights(const Point&) { return {.x0 = 0.0, .eps = 1.0}; }

TargetWeights x0_target_weights(const Point&) { return {.x0 = 1.0, .eps = 0.0}; }

TargetWeights mean_target_weights(const Point& point) {
  const Posterior& q = point.posterior;
  return {.x0 = q.x0_weight + q.xt_weight * point.level.signal,  // [DDPM] eq. 7
          .eps = q.xt_weight * point.level.sigma};
}

TargetWeights v_target_weights(const Point& point) {
  return {.x0 = -point.level.sigma, .eps = point.level.signal};  // [PD] section 4
}

// What has to be above 0 for x_0 to be known.
double always(const Point&) { return 1.0; }
double signal_left(const Point& point) { return point.level.signal; }
// Less than kMaxWeight undoes is nothing: x_0 would not fit into float32.
double x0_in_the_mean(const Point& point) {
  return point.posterior.x0_weight * kMaxWeight > 1.0 ? point.posterior.x0_weight : 0.0;
}

// All that there is to know of a prediction; a new one is a line here.
struct Row {
  Prediction prediction;
  std::string_view name;
  double (*tells_x0)(const Point&);
  OutputWeights (*output_weights)(const Point&);
  TargetWeights (*target_weights)(const Point&);
};
constexpr std::array<Row, 4> kRows = {{
    {Prediction::kEps, "eps", signal_left, eps_output_weights, eps_target_weights},
    {Prediction::kX0, "x0", always, x0_output_weights, x0_target_weights},
    {Prediction::kMean, "mean", x0_in_the_mean, mean_output_weights, mean_target_weights},
    {Prediction::kV, "v", always, v_output_weights, v_target_weights},
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

void check_prediction(Prediction prediction, const Schedule& schedule, const std::string& who) {
  DDPM_CHECK(!schedule.level(schedule.steps()).is_clean(), who,
             ": expected a schedule that adds noise, got one in which every beta is 0");
  for (int64_t t = 1; t <= schedule.steps(); ++t) {
    DDPM_CHECK(row_of(prediction).tells_x0(point_at(schedule, t)) > 0.0, who, ": at t = ", t,
               ", where alpha_bar is ", schedule.alpha_bar(t), " and beta ", schedule.beta(t), ", ",
               to_string(prediction), " does not tell what x_0 is; predict v or x0");
  }
}

bool fits_unbounded(const OutputWeights& weights) {
  return std::abs(weights.x0_xt) <= kMaxWeight && std::abs(weights.x0_output) <= kMaxWeight &&
         std::abs(weights.eps_xt) <= kMaxWeight && std::abs(weights.eps_output) <= kMaxWeight;
}

void check_unbounded_prediction(Prediction prediction, const Schedule& schedule,
                                const std::string& who) {
  for (int64_t t = 1; t <= schedule.steps(); ++t) {
    DDPM_CHECK(fits_unbounded(output_weights(prediction, schedule, t)), who,
               ": expected a clipped x_0, because ", to_string(prediction),
               " does not give one in float32 at t = ", t, ", where alpha_bar is ",
               schedule.alpha_bar(t), "; clip x_0, or predict v or x0");
  }
}

OutputWeights output_weights(Prediction prediction, const Schedule& schedule, int64_t t) {
  const Row& row = row_of(prediction);
  const Point point = point_at(schedule, t);
  DDPM_CHECK(row.tells_x0(point) > 0.0, "prediction: ", row.name,
             " does not tell what x_0 is at t = ", t, "; predict v or x0");
  return row.output_weights(point);
}

OutputWeights output_weights(Prediction prediction, NoiseLevel level) {
  DDPM_CHECK(prediction != Prediction::kMean,
             "prediction: the mean belongs to the times of a schedule, got a level of its own");
  const Row& row = row_of(prediction);
  const Point point = {level, {}};
  DDPM_CHECK(row.tells_x0(point) > 0.0, "prediction: ", row.name,
             " does not tell what x_0 is where the signal is ", level.signal, "; predict v or x0");
  return row.output_weights(point);
}

TargetWeights target_weights(Prediction prediction, const Schedule& schedule, int64_t t) {
  return row_of(prediction).target_weights(point_at(schedule, t));
}

void training_target(Prediction prediction, const Schedule& schedule, int64_t t,
                     std::span<const float> x0, std::span<const float> eps,
                     std::span<float> target) {
  const TargetWeights weights = target_weights(prediction, schedule, t);
  combine("training_target", weights.x0, x0, weights.eps, eps, target);
}

void predict_x0(Prediction prediction, const Schedule& schedule, int64_t t,
                std::span<const float> x_t, std::span<const float> output, std::span<float> x0) {
  const OutputWeights weights = output_weights(prediction, schedule, t);
  combine("predict_x0", weights.x0_xt, x_t, weights.x0_output, output, x0);
}

void predict_eps(Prediction prediction, const Schedule& schedule, int64_t t,
                 std::span<const float> x_t, std::span<const float> output, std::span<float> eps) {
  const OutputWeights weights = output_weights(prediction, schedule, t);
  combine("predict_eps", weights.eps_xt, x_t, weights.eps_output, output, eps);
}

}  // namespace ddpm
