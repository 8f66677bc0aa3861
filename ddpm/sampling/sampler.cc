#include "ddpm/sampling/sampler.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <deque>
#include <utility>

#include "ddpm/base/check.h"
#include "ddpm/base/finite.h"
#include "ddpm/base/names.h"
#include "ddpm/random/stream.h"
#include "ddpm/sampling/ancestral.h"
#include "ddpm/sampling/ddim.h"
#include "ddpm/sampling/dpm_solver.h"
#include "ddpm/sampling/pndm.h"
#include "ddpm/sampling/times.h"

namespace ddpm {

namespace {

using Times = std::span<const int64_t>;

// One stage a step, from the levels at its ends.
template <typename StepOf>
Plan single_stages(const SamplerOptions& options, const Schedule& schedule, Times times,
                   StepOf step_of) {
  Plan plan;
  for (size_t i = 0; i + 1 < times.size(); ++i) {
    const bool early_end = options.ends_at_one && times[i + 1] == 0;
    const NoiseLevel to = schedule.level(early_end ? 1 : times[i + 1]);
    plan.push_back(
        single_stage(times[i], static_cast<int64_t>(i), step_of(schedule.level(times[i]), to)));
  }
  return plan;
}

Plan ancestral(const SamplerOptions& options, const Schedule& schedule, Times times) {
  Plan plan = single_stages(options, schedule, times, [&](NoiseLevel from, NoiseLevel to) {
    return ancestral_step(from, to, options.variance);
  });
  if (!is_learned(options.variance)) return plan;
  for (size_t i = 0; i < plan.size(); ++i) {
    const int64_t t = times[i];
    const int64_t s = options.ends_at_one ? std::max<int64_t>(times[i + 1], 1) : times[i + 1];
    const bool is_noisy = !schedule.level(s).is_clean();
    if (s < t && is_noisy && !is_idle_step(schedule.level(t), schedule.level(s))) {
      plan[i].learned_variance.emplace(options.variance, schedule, s, t);
    }
  }
  return plan;
}

Plan ddim(const SamplerOptions& options, const Schedule& schedule, Times times) {
  return single_stages(options, schedule, times, [&](NoiseLevel from, NoiseLevel to) {
    return ddim_step(from, to, options.eta);
  });
}

Plan dpm_1s(const SamplerOptions& options, const Schedule& schedule, Times times) {
  return single_stages(options, schedule, times, dpm_first_order_step);
}

Plan dpm_2s(const SamplerOptions&, const Schedule& schedule, Times times) {
  return dpm_singlestep_plan(schedule, times);
}

NoiseLevel end_level(const SamplerOptions& options, const Schedule& schedule) {
  return schedule.level(options.ends_at_one ? 1 : 0);
}

Plan dpm_2m(const SamplerOptions& options, const Schedule& schedule, Times times) {
  return dpm_multistep_plan(schedule, times, DpmNoise::kNone, end_level(options, schedule),
                            options.dpm);
}

Plan dpm_2m_sde(const SamplerOptions& options, const Schedule& schedule, Times times) {
  return dpm_multistep_plan(schedule, times, DpmNoise::kStochastic, end_level(options, schedule),
                            options.dpm);
}

Plan pndm(const SamplerOptions& options, const Schedule& schedule, Times times) {
  return pndm_plan(schedule, times, PndmStart::kRungeKutta, end_level(options, schedule));
}

Plan plms(const SamplerOptions& options, const Schedule& schedule, Times times) {
  return pndm_plan(schedule, times, PndmStart::kMultistep, end_level(options, schedule));
}

Plan euler(const SamplerOptions& options, const Schedule& schedule, Times times) {
  return euler_plan(schedule, times, options.churn);
}

Plan heun(const SamplerOptions& options, const Schedule& schedule, Times times) {
  return heun_plan(schedule, times, options.churn);
}

// Everything about a sampler; a new one is a line here.
struct Row {
  SamplerKind kind;
  std::string_view name;
  Plan (*plan)(const SamplerOptions&, const Schedule&, Times);
  SamplerTraits traits;
};
constexpr std::array<Row, 10> kRows = {{
    {SamplerKind::kAncestral,
     "ddpm",
     ancestral,
     {.takes_variance = true, .takes_end_at_one = true, .visits_every_time = true}},
    {SamplerKind::kDdim, "ddim", ddim, {.takes_eta = true, .takes_end_at_one = true}},
    {SamplerKind::kDpm1S, "dpmpp_1s", dpm_1s, {.takes_end_at_one = true}},
    {SamplerKind::kDpm2S, "dpmpp_2s", dpm_2s, {}},
    {SamplerKind::kDpm2M, "dpmpp_2m", dpm_2m, {.takes_end_at_one = true}},
    {SamplerKind::kDpm2MSde, "dpmpp_2m_sde", dpm_2m_sde, {.takes_end_at_one = true}},
    {SamplerKind::kPndm, "pndm", pndm, {.takes_end_at_one = true}},
    {SamplerKind::kPlms, "plms", plms, {.takes_end_at_one = true}},
    {SamplerKind::kEuler, "euler", euler, {.takes_churn = true}},
    {SamplerKind::kHeun, "heun", heun, {.takes_churn = true}},
}};

const Row& row_of(SamplerKind kind) {
  for (const Row& row : kRows) {
    if (row.kind == kind) return row;
  }
  throw std::logic_error("sampling: an unknown sampler");
}

void check_indices(std::span<const int64_t> indices, int64_t images) {
  DDPM_CHECK(std::ssize(indices) == images, "sampling: wanted one index an image, ", images,
             ", got ", indices.size());
  for (const int64_t index : indices) {
    DDPM_CHECK(index >= 0, "sampling: an index must be at least 0, got ", index);
  }
}

// What was predicted by the calls so far, the newest first; no more than a plan looks back at.
class History {
 public:
  History(const Plan& plan, BatchShape shape) : shape_(shape) {
    for (const Stage& stage : plan) {
      depth_ = std::max({depth_, stage.x0_weights.size(), stage.eps_weights.size()});
    }
  }

  // Room for the newest, in place of the oldest.
  void begin_call() {
    if (x0_.size() < depth_) {
      x0_.emplace_front(shape_);
      eps_.emplace_front(shape_);
    } else {
      x0_.push_front(std::move(x0_.back()));
      x0_.pop_back();
      eps_.push_front(std::move(eps_.back()));
      eps_.pop_back();
    }
  }

  Batch& x0(size_t ago) { return x0_[ago]; }
  Batch& eps(size_t ago) { return eps_[ago]; }

 private:
  BatchShape shape_;
  size_t depth_ = 1;
  std::deque<Batch> x0_;
  std::deque<Batch> eps_;
};

// sum += weight * values, in float64.
void add(double weight, std::span<const float> values, std::vector<double>& sum) {
  if (weight == 0.0) return;
  for (size_t i = 0; i < sum.size(); ++i) sum[i] += weight * values[i];
}

void check_finite(std::span<const float> x, int64_t t, int64_t next_t, int64_t index) {
  if (all_finite(x)) return;
  throw NotFinite(concat("sampling: x became non-finite in the step from t = ", t, " to ", next_t,
                         ", image ", index));
}

// The images of a batch on their way through a plan.
class Walk {
 public:
  Walk(const NoisePredictor& predictor, const SamplerOptions& options, const NoiseSource& noise,
       std::span<const int64_t> indices, const Plan& plan, BatchView x)
      : predictor_(predictor),
        estimate_{.clip_x0 = options.clip_x0,
                  .clip_range = options.clip_range,
                  .threshold_quantile = options.threshold_quantile,
                  .threshold_max = options.threshold_max,
                  .rederive_eps = options.rederive_eps,
                  .level = {},
                  .float32 = options.float32_estimates},
        noise_(noise),
        indices_(indices),
        x_(x),
        base_(x.shape()),
        history_(plan, x.shape()),
        z_(static_cast<size_t>(x.shape().image_size())) {
    const auto learned = [](const Stage& stage) { return stage.learned_variance.has_value(); };
    if (std::any_of(plan.begin(), plan.end(), learned)) variance_ = Batch(x.shape());
  }

  // The newest prediction.
  ConstBatchView x0() { return *shown_; }

  void take(const Stage& stage, int64_t t, int64_t next_t) {
    if (stage.lift_noise > 0.0 || stage.lift_signal != 1.0) lift(stage);
    if (stage.keeps_base) {
      std::copy(x_.values().begin(), x_.values().end(), base_.values().begin());
    }
    if (!stage.is_remembered) return predict_aside(stage);
    history_.begin_call();
    const std::vector<int64_t> times(indices_.size(), stage.t);
    std::optional<BatchView> variance;
    if (stage.learned_variance) variance = variance_.view();
    estimate_.level = stage.level;
    predictor_.estimate(x_, times, estimate_, history_.x0(0), history_.eps(0), variance);
    shown_ = &history_.x0(0);
    for (int64_t image = 0; image < x_.images(); ++image) {
      combine(stage, image);
      check_finite(x_.image(image), t, next_t, indices_[static_cast<size_t>(image)]);
    }
  }

 private:
  // For who watches: x stays.
  void predict_aside(const Stage& stage) {
    if (aside_x0_.images() != x_.images()) {
      aside_x0_ = Batch(x_.shape());
      aside_eps_ = Batch(x_.shape());
    }
    const std::vector<int64_t> times(indices_.size(), stage.t);
    estimate_.level = stage.level;
    predictor_.estimate(x_, times, estimate_, aside_x0_, aside_eps_);
    shown_ = &aside_x0_;
  }

  void lift(const Stage& stage) {
    for (int64_t image = 0; image < x_.images(); ++image) {
      const std::span<float> x = x_.image(image);
      if (stage.lift_noise > 0.0) {
        noise_(indices_[static_cast<size_t>(image)], predictor_.schedule().steps() + stage.t, z_);
      }
      for (size_t i = 0; i < x.size(); ++i) {
        x[i] = static_cast<float>(stage.lift_signal * x[i] + stage.lift_noise * z_[i]);
      }
    }
  }

  void combine(const Stage& stage, int64_t image) {
    sum_.assign(z_.size(), 0.0);
    add(stage.x_weight, x_.image(image), sum_);
    add(stage.base_weight, base_.image(image), sum_);
    for (size_t k = 0; k < stage.x0_weights.size(); ++k) {
      add(stage.x0_weights[k], history_.x0(k).image(image), sum_);
    }
    for (size_t k = 0; k < stage.eps_weights.size(); ++k) {
      add(stage.eps_weights[k], history_.eps(k).image(image), sum_);
    }
    if (stage.noise_weight > 0.0) {
      noise_(indices_[static_cast<size_t>(image)], stage.t, z_);
      add(stage.noise_weight, z_, sum_);
    }
    if (stage.learned_variance) add_learned_noise(stage, image);
    std::transform(sum_.begin(), sum_.end(), x_.image(image).begin(),
                   [](double value) { return static_cast<float>(value); });
  }

  void add_learned_noise(const Stage& stage, int64_t image) {
    noise_(indices_[static_cast<size_t>(image)], stage.t, z_);
    const std::span<const float> outputs = variance_.image(image);
    for (size_t i = 0; i < sum_.size(); ++i) {
      sum_[i] += std::exp(0.5 * stage.learned_variance->at(outputs[i])) * z_[i];
    }
  }

  const NoisePredictor& predictor_;
  EstimateOptions estimate_;
  const NoiseSource& noise_;
  std::span<const int64_t> indices_;
  BatchView x_;
  Batch base_;
  Batch variance_;  // the network's word on it, of plans that ask for it
  History history_;
  Batch aside_x0_;  // of calls that are not remembered
  Batch aside_eps_;
  const Batch* shown_ = nullptr;
  std::vector<float> z_;
  std::vector<double> sum_;
};

}  // namespace

std::string to_string(SamplerKind kind) { return std::string(row_of(kind).name); }

SamplerKind sampler_kind_from(std::string_view name) {
  std::array<Named<SamplerKind>, kRows.size()> names;
  for (size_t i = 0; i < names.size(); ++i) names[i] = {kRows[i].kind, kRows[i].name};
  return value_named(names, "sampler", name);
}

const std::vector<SamplerKind>& all_sampler_kinds() {
  static const std::vector<SamplerKind> all = [] {
    std::vector<SamplerKind> kinds;
    for (const Row& row : kRows) kinds.push_back(row.kind);
    return kinds;
  }();
  return all;
}

const SamplerTraits& traits_of(SamplerKind kind) { return row_of(kind).traits; }

std::string samplers_with(bool SamplerTraits::*trait) {
  std::vector<std::string> names;
  for (const Row& row : kRows) {
    if (row.traits.*trait) names.emplace_back(row.name);
  }
  return alternatives(names);
}

bool has_unbounded_x0(const SamplerOptions& options) {
  return !options.clip_x0 && options.threshold_quantile == 0.0;
}

Plan sampler_plan(const SamplerOptions& options, const Schedule& schedule,
                  std::span<const int64_t> times) {
  check_times(times, schedule.steps());
  if (options.planner) return options.planner(options, schedule, times);
  return row_of(options.kind).plan(options, schedule, times);
}

void fill_initial_noise(uint64_t seed, std::span<const int64_t> indices, BatchView x) {
  check_indices(indices, x.images());
  for (int64_t i = 0; i < x.images(); ++i) {
    const auto index = static_cast<uint64_t>(indices[static_cast<size_t>(i)]);
    fill_normal({.seed = seed, .purpose = Purpose::kInitialNoise, .index = index}, x.image(i));
  }
}

NoiseSource step_noise(uint64_t seed) {
  return [seed](int64_t index, int64_t t, std::span<float> z) {
    fill_normal({.seed = seed,
                 .purpose = Purpose::kStepNoise,
                 .index = static_cast<uint64_t>(index),
                 .step = static_cast<uint64_t>(t)},
                z);
  };
}

void run_sampler(const NoisePredictor& predictor, std::span<const int64_t> times,
                 const SamplerOptions& options, uint64_t seed, std::span<const int64_t> indices,
                 BatchView x, const StepObserver& observer) {
  run_sampler(predictor, times, options, step_noise(seed), indices, x, observer);
}

void run_sampler(const NoisePredictor& predictor, std::span<const int64_t> times,
                 const SamplerOptions& options, const NoiseSource& noise,
                 std::span<const int64_t> indices, BatchView x, const StepObserver& observer) {
  const Plan plan = sampler_plan(options, predictor.schedule(), times);
  run_plan(predictor, plan, times, options, noise, indices, x, observer);
}

void run_plan(const NoisePredictor& predictor, const Plan& plan, std::span<const int64_t> times,
              const SamplerOptions& options, const NoiseSource& noise,
              std::span<const int64_t> indices, BatchView x, const StepObserver& observer) {
  check_indices(indices, x.images());
  DDPM_CHECK(options.kind != SamplerKind::kAncestral || !is_learned(options.variance) ||
                 predictor.learned_variance(),
             "sampling: the variance ", to_string(options.variance),
             " wants a network that has learned it; fixed_large and fixed_small are there without");
  check_plan(plan, predictor.prediction(), predictor.schedule(), has_unbounded_x0(options),
             "sampling");
  Walk walk(predictor, options, noise, indices, plan, x);
  for (const Stage& stage : plan) {
    const auto step = static_cast<size_t>(stage.step);
    walk.take(stage, times[step], times[step + 1]);  // the next entry, whatever the stride
    if (observer && stage.ends_step) observer({times[step], times[step + 1], x, walk.x0()});
  }
}

}  // namespace ddpm
