#include "ddpm/sampling/repaint.h"

#include <algorithm>
#include <cmath>

#include "ddpm/base/check.h"
#include "ddpm/diffusion/process.h"
#include "ddpm/random/stream.h"

namespace ddpm {

namespace {

// A stream's step: a time, and how often it has been visited before. At the first visit it is the
// time alone, as in run_sampler.
uint64_t step_of(int64_t t, int64_t visit) {
  constexpr int kBitsOfATime = 32;  // times go to 2 * Schedule::kMaxSteps
  return static_cast<uint64_t>(t) | static_cast<uint64_t>(visit) << kBitsOfATime;
}

void check_plan(const Plan& plan) {
  for (const Stage& stage : plan) {
    const bool remembers_none = stage.ends_step && stage.base_weight == 0.0 &&
                                stage.lift_noise == 0.0 && stage.x0_weights.size() <= 1 &&
                                stage.eps_weights.size() <= 1;
    DDPM_CHECK(remembers_none,
               "repaint: wanted a sampler with one call a step and no memory, ddpm, ddim, dpmpp_1s "
               "or euler without churn");
  }
}

void check_shapes(const KnownPixels& known, ConstBatchView x) {
  DDPM_CHECK(known.x0.shape() == x.shape(), "repaint: x0 must have the shape ", x.shape(), ", got ",
             known.x0.shape());
  DDPM_CHECK(std::ssize(known.where) == x.shape().height * x.shape().width,
             "repaint: wanted a mask of one value a pixel, ", x.shape().height * x.shape().width,
             ", got ", known.where.size());
}

// The images of a batch on their way through the moves.
class Repaint {
 public:
  Repaint(const NoisePredictor& predictor, std::span<const int64_t> times,
          const SamplerOptions& sampler, const KnownPixels& known, uint64_t seed,
          std::span<const int64_t> indices, BatchView x)
      : predictor_(predictor),
        times_(times),
        sampler_(sampler),
        plan_(sampler_plan(sampler, predictor.schedule(), times)),
        known_(known),
        seed_(seed),
        indices_(indices),
        x_(x),
        z_(static_cast<size_t>(x.shape().image_size())),
        known_x_(z_.size()) {
    check_plan(plan_);
    check_shapes(known, x);
  }

  void down(const RepaintMove& move, const StepObserver& observer) {
    Stage stage = plan_[static_cast<size_t>(move.from)];
    stage.step = 0;
    const int64_t ends[2] = {time(move.from), time(move.to)};
    const NoiseSource noise = [this, &move](int64_t index, int64_t t, std::span<float> z) {
      draw(Purpose::kStepNoise, index, t, move.visit, z);
    };
    const auto put_known = [&](const SampleStep& step) {
      for (int64_t i = 0; i < x_.images(); ++i) set_known(i, ends[0], ends[1], move.visit);
      if (observer) observer(step);
    };
    run_plan(predictor_, {stage}, ends, sampler_, noise, indices_, x_, put_known);
  }

  void up(const RepaintMove& move) {
    const Transition forward =
        predictor_.schedule().transition(time(move.from), time(move.to));  // [DDPM] eq. 2
    const double sigma = std::sqrt(forward.variance);
    for (int64_t i = 0; i < x_.images(); ++i) {
      draw(Purpose::kJumpNoise, indices_[static_cast<size_t>(i)], time(move.to), move.visit, z_);
      const std::span<float> x = x_.image(i);
      for (size_t j = 0; j < x.size(); ++j) {
        x[j] = static_cast<float>(forward.signal * x[j] + sigma * z_[j]);
      }
    }
  }

 private:
  int64_t time(int64_t entry) const { return times_[static_cast<size_t>(entry)]; }

  void draw(Purpose purpose, int64_t index, int64_t t, int64_t visit, std::span<float> z) const {
    fill_normal({.seed = seed_,
                 .purpose = purpose,
                 .index = static_cast<uint64_t>(index),
                 .step = step_of(t, visit)},
                z);
  }

  // The known pixels of image i at time s, drawn from q(x_s | x_0); at s = 0 they are x_0.
  void set_known(int64_t i, int64_t t, int64_t s, int64_t visit) {
    draw(Purpose::kKnownNoise, indices_[static_cast<size_t>(i)], t, visit, z_);
    mix(predictor_.schedule().level(s), known_.x0.image(i), z_, known_x_);  // [DDPM] eq. 4
    const std::span<float> x = x_.image(i);
    for (size_t j = 0; j < x.size(); ++j) {
      if (known_.where[j % known_.where.size()] != 0) x[j] = known_x_[j];
    }
  }

  const NoisePredictor& predictor_;
  std::span<const int64_t> times_;
  const SamplerOptions& sampler_;
  Plan plan_;
  KnownPixels known_;
  uint64_t seed_;
  std::span<const int64_t> indices_;
  BatchView x_;
  std::vector<float> z_;
  std::vector<float> known_x_;
};

}  // namespace

std::vector<RepaintMove> repaint_moves(int64_t N, const RepaintOptions& options) {
  DDPM_CHECK(N >= 1, "repaint: wanted at least 1 step, got ", N);
  DDPM_CHECK(options.jump_length >= 1 && options.resamplings >= 1,
             "repaint: jump length and resamplings must be at least 1, got ", options.jump_length,
             " and ", options.resamplings);
  const int64_t jump = options.jump_length;
  std::vector<int64_t> jumps_left(static_cast<size_t>(N) + 1, 0);  // by the steps that are left
  for (int64_t left = 1; left <= N - jump; left += jump) {
    jumps_left[static_cast<size_t>(left)] = options.resamplings - 1;
  }
  std::vector<int64_t> visits(static_cast<size_t>(N), 0);
  std::vector<RepaintMove> moves;
  int64_t entry = 0;
  while (entry < N) {
    moves.push_back({entry, entry + 1, visits[static_cast<size_t>(entry)]++});
    ++entry;
    int64_t& jumps = jumps_left[static_cast<size_t>(N - entry)];
    if (jumps == 0) continue;
    --jumps;
    moves.push_back({entry, entry - jump, visits[static_cast<size_t>(entry - jump)]});
    entry -= jump;
  }
  return moves;
}

void check_repaint_sampler(const SamplerOptions& sampler, const Schedule& schedule,
                           std::span<const int64_t> times) {
  check_plan(sampler_plan(sampler, schedule, times));
}

void run_repaint(const NoisePredictor& predictor, std::span<const int64_t> times,
                 const RepaintOptions& options, const KnownPixels& known, uint64_t seed,
                 std::span<const int64_t> indices, BatchView x, const StepObserver& observer) {
  Repaint repaint(predictor, times, options.sampler, known, seed, indices, x);
  for (const RepaintMove& move : repaint_moves(std::ssize(times) - 1, options)) {
    if (move.to > move.from) {
      repaint.down(move, observer);
    } else {
      repaint.up(move);
    }
  }
}

}  // namespace ddpm
