#include "ddpm/diffusion/bound.h"

#include <cmath>

#include "ddpm/base/check.h"

namespace ddpm {

namespace {

void check_sizes(std::span<const float> x0, const ReverseStep& model) {
  DDPM_CHECK(!x0.empty() && model.predicted_x0.size() == x0.size() &&
                 (model.log_variance.size() == x0.size() || model.log_variance.size() == 1),
             "bound: wanted a predicted x_0 of ", x0.size(),
             " values and as many log variances or one, got ", model.predicted_x0.size(), " and ",
             model.log_variance.size());
}

double log_variance_at(const ReverseStep& model, size_t i) {
  return model.log_variance[model.log_variance.size() == 1 ? 0 : i];
}

}  // namespace

void check_bound(const Schedule& schedule, const std::string& who) {
  DDPM_CHECK(!schedule.level(schedule.steps()).is_clean(), who,
             ": expected a schedule that adds noise, got one in which every beta is 0: L_T is "
             "infinite");
  for (int64_t t = 2; t <= schedule.steps(); ++t) {
    DDPM_CHECK(!schedule.level(t - 1).is_clean() || schedule.level(t).is_clean(), who,
               ": the bound is infinite at t = ", t,
               ", whose x_{t-1} has no noise; expected a first beta above 0");
  }
}

double prior_term_at(const Schedule& schedule, int64_t t, double power) {
  const double kept = schedule.alpha_bar(t);
  // where 1 - kept has lost its digits
  const double log_variance =
      kept < 0.5 ? std::log1p(-kept) : 2.0 * std::log(schedule.level(t).sigma);
  // KL(N(sqrt(kept) x, 1 - kept) || N(0, 1)), where -1 and 1 - kept have cancelled each other
  return 0.5 * (kept * power - (log_variance + kept));
}

double prior_term(const Schedule& schedule, std::span<const float> x0) {
  DDPM_CHECK(!x0.empty(), "bound: wanted an image, got no value");
  double power = 0.0;
  for (const float x : x0) power += static_cast<double>(x) * x;
  return prior_term_at(schedule, schedule.steps(), power / static_cast<double>(x0.size()));
}

double kl_term(const Schedule& schedule, int64_t t, std::span<const float> x0,
               const ReverseStep& model) {
  check_sizes(x0, model);
  DDPM_CHECK(t >= 2, "bound: L_{t-1} is a divergence for t in [2, ", schedule.steps(), "], got ",
             t);
  const Posterior q = schedule.posterior(t);
  if (schedule.beta(t) == 0.0) return 0.0;
  const double log_beta_tilde = std::log(q.variance);
  double sum = 0.0;
  for (size_t i = 0; i < x0.size(); ++i) {
    const double log_variance = log_variance_at(model, i);
    const double apart = q.x0_weight * (x0[i] - model.predicted_x0[i]);
    const double log_ratio = log_beta_tilde - log_variance;  // kl_of_q_from_p in logarithms
    sum += 0.5 * (std::exp(log_ratio) - 1.0 - log_ratio + apart * apart * std::exp(-log_variance));
  }
  return sum / static_cast<double>(x0.size());  // [DDPM] eq. 5
}

double decoder_term(std::span<const float> x0, const ReverseStep& model, Cdf cdf) {
  check_sizes(x0, model);
  double sum = 0.0;
  for (size_t i = 0; i < x0.size(); ++i) {
    sum -= log_decoder(byte_of_x0(x0[i]), model.predicted_x0[i], log_variance_at(model, i), cdf);
  }
  return sum / static_cast<double>(x0.size());  // [DDPM] eq. 13
}

double bound_term(const Schedule& schedule, int64_t t, std::span<const float> x0,
                  const ReverseStep& model, Cdf cdf) {
  return t == 1 ? decoder_term(x0, model, cdf) : kl_term(schedule, t, x0, model);
}

}  // namespace ddpm
