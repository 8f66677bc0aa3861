#include "ddpm/diffusion/float32_schedule.h"

#include <cmath>

namespace ddpm {

namespace {

// torch.linspace of float32: from both ends to the middle, each product and sum rounded once.
std::vector<float> linspace(double first, double last, int64_t n) {
  const auto a = static_cast<float>(first);
  const auto b = static_cast<float>(last);
  if (n == 1) return {a};
  const float step = (b - a) / static_cast<float>(n - 1);
  std::vector<float> values;
  for (int64_t i = 0; i < n; ++i) {
    values.push_back(i < n / 2 ? std::fma(step, static_cast<float>(i), a)
                               : std::fma(-step, static_cast<float>(n - 1 - i), b));
  }
  return values;
}

std::vector<float> quadratic(const ScheduleConfig& c) {
  std::vector<float> betas = linspace(std::sqrt(c.beta_1), std::sqrt(c.beta_T), c.T);
  for (float& beta : betas) beta *= beta;
  return betas;
}

std::vector<float> sigmoid(const ScheduleConfig& c) {
  std::vector<float> betas = linspace(-6.0, 6.0, c.T);
  const auto range = static_cast<float>(c.beta_T - c.beta_1);
  for (float& beta : betas) {
    beta = 1.0F / (1.0F + std::exp(-beta)) * range + static_cast<float>(c.beta_1);
  }
  return betas;
}

std::vector<float> rounded(const ScheduleConfig& c) {
  const Schedule schedule = make_schedule(c);
  std::vector<float> betas;
  for (int64_t t = 1; t <= c.T; ++t) betas.push_back(static_cast<float>(schedule.beta(t)));
  return betas;
}

// Lin et al. 2023, algorithm 1, in float32.
std::vector<float> without_terminal_signal(const std::vector<float>& betas) {
  std::vector<float> signal = float32_alpha_bar(betas);
  for (float& value : signal) value = std::sqrt(value);
  const float first = signal.front();
  const float last = signal.back();
  const float scale = first / (first - last);
  std::vector<float> alpha_bar;
  for (const float value : signal) {
    const float rescaled = (value - last) * scale;
    alpha_bar.push_back(rescaled * rescaled);
  }
  std::vector<float> result = {1.0F - alpha_bar[0]};
  for (size_t i = 1; i < alpha_bar.size(); ++i) {
    result.push_back(1.0F - alpha_bar[i] / alpha_bar[i - 1]);
  }
  return result;
}

}  // namespace

std::vector<float> float32_betas(const ScheduleConfig& config) {
  make_schedule(config);  // whose checks are ours
  ScheduleConfig plain = config;
  plain.zero_terminal_snr = false;
  const std::vector<float> betas = config.kind == ScheduleKind::kLinear
                                       ? linspace(config.beta_1, config.beta_T, config.T)
                                   : config.kind == ScheduleKind::kQuadratic ? quadratic(config)
                                   : config.kind == ScheduleKind::kSigmoid   ? sigmoid(config)
                                                                             : rounded(plain);
  return config.zero_terminal_snr ? without_terminal_signal(betas) : betas;
}

std::vector<float> float32_alpha_bar(std::span<const float> betas) {
  std::vector<float> alpha_bar;
  double product = 1.0;
  for (const float beta : betas) {
    product *= 1.0F - beta;
    alpha_bar.push_back(static_cast<float>(product));
  }
  return alpha_bar;
}

}  // namespace ddpm
