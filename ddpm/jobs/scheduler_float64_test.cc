// Chains in float64: with float64 tables put into diffusers, as its tests publish them, and by this
// library's own plans.

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>

#include "ddpm/parity/diffusers_plan.h"
#include "ddpm/testing/scheduler_golden.h"

namespace ddpm {
namespace {

using Numbers = std::vector<double>;

// One image through a plan in float64.
class Float64Walk {
 public:
  Float64Walk(const Json& row, const ModelConfig& model, const Chain& chain)
      : row_(row),
        model_(model),
        options_(chain.options),
        schedule_(make_schedule(model.schedule)) {}

  // z is the noise of each step and `first` the number of the image's first value.
  Numbers walk(const Plan& plan, Numbers x, const Numbers& z, size_t first) {
    Numbers base;
    for (const Stage& stage : plan) {
      if (stage.keeps_base) base = x;
      predict(stage, x);
      Numbers next(x.size(), 0.0);
      for (size_t i = 0; i < x.size(); ++i) {
        next[i] = stage.x_weight * x[i];
        if (stage.base_weight != 0.0) next[i] += stage.base_weight * base[i];
        for (size_t k = 0; k < stage.x0_weights.size(); ++k) {
          if (stage.x0_weights[k] != 0.0)
            next[i] += stage.x0_weights[k] * x0_[x0_.size() - 1 - k][i];
        }
        for (size_t k = 0; k < stage.eps_weights.size(); ++k) {
          if (stage.eps_weights[k] != 0.0) {
            next[i] += stage.eps_weights[k] * eps_[eps_.size() - 1 - k][i];
          }
        }
        const double sigma = stage.learned_variance
                                 ? std::exp(0.5 * stage.learned_variance->at(
                                                      second_half(model_.variance, first + i)))
                                 : stage.noise_weight;
        if (sigma > 0.0) next[i] += sigma * z[i];
      }
      x = next;
    }
    return x;
  }

 private:
  void predict(const Stage& stage, const Numbers& x) {
    const NoiseLevel level = stage.level.value_or(schedule_.level(stage.t));
    const OutputWeights weights = output_weights(model_.prediction, level);
    const double scale = row_["scale"].get<double>() * static_cast<double>(stage.t - 1) /
                         static_cast<double>(stage.t);
    Numbers x0;
    Numbers eps;
    for (const double value : x) {
      x0.push_back((weights.x0_xt + weights.x0_output * scale) * value);
      eps.push_back((weights.eps_xt + weights.eps_output * scale) * value);
    }
    const Numbers free = x0;
    bound(x0);
    for (size_t i = 0; i < x.size(); ++i) {
      if (options_.rederive_eps && x0[i] != free[i]) {
        eps[i] = (x[i] - level.signal * x0[i]) / level.sigma;
      }
    }
    x0_.push_back(x0);
    eps_.push_back(eps);
  }

  void bound(Numbers& x0) const {
    double most = options_.clip_range;
    double divisor = 1.0;
    if (options_.threshold_quantile > 0.0) {
      Numbers sizes = x0;
      for (double& size : sizes) size = std::abs(size);
      std::sort(sizes.begin(), sizes.end());
      const double at = options_.threshold_quantile * static_cast<double>(sizes.size() - 1);
      const auto below = static_cast<size_t>(at);
      const double q = std::lerp(sizes[below], sizes[std::min(below + 1, sizes.size() - 1)],
                                 at - static_cast<double>(below));
      most = divisor = std::min(std::max(q, 1.0), options_.threshold_max);
    } else if (!options_.clip_x0) {
      return;
    }
    for (double& value : x0) value = std::clamp(value, -most, most) / divisor;
  }

  const Json& row_;
  const ModelConfig& model_;
  const SamplerOptions& options_;
  Schedule schedule_;
  std::vector<Numbers> x0_;
  std::vector<Numbers> eps_;
};

// All images of a row's start through a plan.
Numbers walk_in_float64(const Json& row, const ModelConfig& model, const Chain& chain,
                        const Plan& plan) {
  Numbers end;
  for (size_t first = 0; first < kSize; first += kImage) {
    Numbers x;
    Numbers z;
    for (size_t i = first; i < first + kImage; ++i) {
      x.push_back(start_of(row, i));
      z.push_back(falling(i));
    }
    const Numbers image = Float64Walk(row, model, chain).walk(plan, x, z, first);
    end.insert(end.end(), image.begin(), image.end());
  }
  return end;
}

TEST(SchedulerGolden, EveryChainInFloat64IsThatOfDiffusersWithFloat64Tables) {
  for (const Json& row : golden("chains")) {
    if (!row.contains("end_float64")) continue;
    SCOPED_TRACE(name_of_row(row));
    const ModelConfig model = model_of(row);
    SamplerRequest request = request_of(row);
    request.switches[static_cast<size_t>(ParitySwitch::kTables)] = false;
    const Chain chain = chain_of("golden", request, model);
    const Plan plan = sampler_plan(chain.options, make_schedule(model.schedule), chain.times);
    const Numbers wanted = row["end_float64"];
    EXPECT_LT(distance(walk_in_float64(row, model, chain, plan), wanted), 1e-9);
  }
}

// The formulas that float32 gets its numbers from are this library's own.
TEST(SchedulerGolden, WithNothingSwitchedTheirPlansAreOurPlans) {
  for (const Json& row : golden("chains")) {
    if (row.contains("error")) continue;
    SCOPED_TRACE(name_of_row(row));
    const ModelConfig model = model_of(row);
    if (row["scheduler"].value("rescale_betas_zero_snr", false))
      continue;  // divides by 0 in theirs
    SamplerRequest request = request_of(row);
    request.parity = "none";
    const Chain chain = chain_of("golden", request, model);
    const Schedule schedule = make_schedule(model.schedule);
    const Plan ours = sampler_plan(chain.options, schedule, chain.times);
    const Plan theirs = diffusers_plan(chain.options, chain.parity, schedule, chain.times);
    ASSERT_EQ(calls_of(ours), calls_of(theirs));
    EXPECT_LT(distance(walk_in_float64(row, model, chain, theirs),
                       walk_in_float64(row, model, chain, ours)),
              1e-9);
  }
}

// The sum of |x| at the end of a chain of diffusers' own tests: 768 values (4 k + i) / 768 of four
// images, and a network x n / (n + 1).
double published_sum(const Json& scheduler, const SamplerRequest& request) {
  const Json row = {{"scheduler", scheduler}, {"steps", request.steps}, {"scale", 1.0}};
  const ModelConfig model = model_of(row);
  const Chain chain = chain_of("golden", request, model);
  const Plan plan = sampler_plan(chain.options, make_schedule(model.schedule), chain.times);
  double sum = 0.0;
  for (size_t i = 0; i < 4; ++i) {
    Numbers x;
    for (size_t k = 0; k < 192; ++k) x.push_back(static_cast<double>(4 * k + i) / 768.0);
    for (const double value :
         Float64Walk(row, model, chain).walk(plan, x, Numbers(x.size(), 0.0), 0)) {
      sum += std::abs(value);
    }
  }
  return sum;
}

SamplerRequest with_parity(int64_t steps, const std::string& parity) {
  SamplerRequest request;
  request.steps = steps;
  request.parity = parity;
  if (parity == "diffusers") request.switches[static_cast<size_t>(ParitySwitch::kTables)] = false;
  return request;
}

// diffusers' tests/schedulers; the numbers in float64 are of an independent program.
TEST(SchedulerGolden, ThePublishedSumsComeOutBothWays) {
  const struct {
    const char* scheduler;
    double theirs;
    double ours;
  } chains[] = {
      {R"({"_class_name": "DDIMScheduler"})", 172.006522168427, 172.006522168427},
      {R"({"_class_name": "DDIMScheduler", "prediction_type": "v_prediction"})", 52.530123845345,
       52.530123845345},
      {R"({"_class_name": "DDIMScheduler", "beta_start": 0.01})", 149.829459539704,
       149.829459539704},
      {R"({"_class_name": "DDIMScheduler", "beta_start": 0.01, "set_alpha_to_one": false})",
       149.078429950480, 149.078429950480},
      {R"({"_class_name": "PNDMScheduler"})", 198.131739370850, 198.131739370850},
      // their means are of v at other times as if they were of one; ours are of eps, as in the
      // paper
      {R"({"_class_name": "PNDMScheduler", "prediction_type": "v_prediction"})", 67.398551039925,
       86.59},
      {R"({"_class_name": "PNDMScheduler", "beta_start": 0.01, "set_alpha_to_one": true})",
       230.036923303732, 230.036923303732},
      {R"({"_class_name": "DPMSolverMultistepScheduler"})", 185.011369311393, 185.011369311393},
      {R"({"_class_name": "DPMSolverMultistepScheduler", "lower_order_final": false,
           "final_sigmas_type": "sigma_min"})",
       253.552879009423, 253.552879009423},
      {R"({"_class_name": "DPMSolverMultistepScheduler", "lower_order_final": false,
           "final_sigmas_type": "sigma_min", "prediction_type": "v_prediction"})",
       172.876300335020, 172.876300335020},
  };
  for (const auto& chain : chains) {
    const Json scheduler = parse_json(chain.scheduler, "test");
    EXPECT_NEAR(published_sum(scheduler, with_parity(10, "diffusers")), chain.theirs, 1e-7)
        << chain.scheduler;
    const double digits = chain.ours == 86.59 ? 0.005 : 1e-7;
    EXPECT_NEAR(published_sum(scheduler, with_parity(10, "none")), chain.ours, digits)
        << chain.scheduler;
  }
}

// A stride is wrong where the list has another one: linspace ends too early in the noise.
TEST(SchedulerGolden, AStrideIsNotTheNextTimeOfLinspace) {
  const Json scheduler = {{"_class_name", "DDIMScheduler"}, {"timestep_spacing", "linspace"}};
  const double ours = published_sum(scheduler, with_parity(10, "none"));
  EXPECT_NEAR(ours, 169.464039980253, 1e-7);  // by the list, of an independent program
  EXPECT_GT(std::abs(published_sum(scheduler, with_parity(10, "diffusers")) - ours), 1.0);
}

}  // namespace
}  // namespace ddpm
