#include "ddpm/evaluation/flow_likelihood.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <utility>

#include "ddpm/base/check.h"
#include "ddpm/base/finite.h"
#include "ddpm/base/names.h"
#include "ddpm/diffusion/bound.h"
#include "ddpm/diffusion/gaussian.h"
#include "ddpm/diffusion/noise_predictor.h"
#include "ddpm/random/stream.h"
#include "ddpm/sampling/times.h"

namespace ddpm {

namespace {

constexpr std::array<Named<Probe>, 2> kProbes = {
    {{Probe::kRademacher, "rademacher"}, {Probe::kGaussian, "gaussian"}}};

double angle(NoiseLevel level) { return std::atan2(level.sigma, level.signal); }

// v = xt * x_t + output * what the network said.
struct VelocityWeights {
  double xt;
  double output;
};

VelocityWeights velocity_weights(Prediction prediction, const Schedule& schedule, int64_t t) {
  const OutputWeights w = output_weights(prediction, schedule, t);
  const NoiseLevel level = schedule.level(t);  // v = signal eps - sigma x_0
  return {.xt = level.signal * w.eps_xt - level.sigma * w.x0_xt,
          .output = level.signal * w.eps_output - level.sigma * w.x0_output};
}

void fill_probe(Probe kind, const Stream& stream, std::span<float> out) {
  if (kind == Probe::kGaussian) return fill_normal(stream, out);
  std::vector<uint64_t> words(out.size());
  fill_words(stream, words);
  for (size_t i = 0; i < out.size(); ++i) out[i] = words[i] >> 63U == 0 ? 1.0F : -1.0F;
}

// -ln N(x; 0, 1), in nats per value.
double standard_cost(std::span<const double> x) {
  double sum = 0.0;
  for (const double value : x) sum += 0.5 * (kLogTwoPi + value * value);
  return sum / static_cast<double>(x.size());
}

// Every other time, T and 0 always among them.
std::vector<int64_t> every_other(const std::vector<int64_t>& times) {
  std::vector<int64_t> chosen;
  for (size_t i = 0; i + 1 < times.size(); i += 2) chosen.push_back(times[i]);
  chosen.push_back(0);
  return chosen;
}

}  // namespace

std::string to_string(Probe probe) { return name_of(kProbes, probe); }

Probe probe_from(std::string_view name) { return value_named(kProbes, "probe", name); }

double bits_of_density(double nats) { return nats / kNatsPerBit + std::log2(kBytesInOne); }

struct FlowLikelihood::Flow {
  BatchShape shape;
  std::vector<int64_t> images;   // the number of each
  std::vector<double> x;         // [N, C, H, W]
  Batch probes;                  // the same shape
  std::vector<double> integral;  // [N], of the divergence over phi
};

FlowLikelihood::FlowLikelihood(NetworkPointer network, Schedule schedule, Prediction prediction,
                               bool learned_variance, FlowOptions options)
    : network_(std::move(network)),
      schedule_(std::move(schedule)),
      prediction_(prediction),
      learned_variance_(learned_variance),
      options_(std::move(options)) {
  check_times(options_.times, schedule_.steps());
  check_prediction(prediction_, schedule_, "flow");
  check_unbounded_prediction(prediction_, schedule_, "flow");
  DDPM_CHECK(options_.times.front() == schedule_.steps(),
             "flow: wanted times from T down, for x is standard normal there; T is ",
             schedule_.steps(), ", got ", options_.times.front());
  DDPM_CHECK(options_.draws >= 1 && options_.probes >= 1,
             "flow: wanted at least one draw and one probe, got ", options_.draws, " and ",
             options_.probes);
}

int64_t FlowLikelihood::calls() const {
  const auto of = [](const std::vector<int64_t>& times) { return 2 * std::ssize(times) - 3; };
  return of(options_.times) + of(every_other(options_.times));
}

FlowLikelihood::Flow FlowLikelihood::begin(const ReadImage& read, BatchShape shape,
                                           int64_t first) const {
  Flow flow{.shape = shape,
            .images = {},
            .x = {},
            .probes = Batch(shape),
            .integral = std::vector<double>(static_cast<size_t>(shape.images))};
  std::vector<float> x0(static_cast<size_t>(shape.image_size()));
  std::vector<uint64_t> words(x0.size());
  for (int64_t i = 0; i < shape.images; ++i) {
    const int64_t image = (first + i) / per_image();
    const auto draw = static_cast<uint64_t>((first + i) % per_image() / options_.probes);
    const auto probe = static_cast<uint64_t>((first + i) % options_.probes);
    const auto index = static_cast<uint64_t>(image);
    flow.images.push_back(image);
    read(image, x0);
    fill_probe(options_.probe, {options_.seed, Purpose::kTraceProbe, index, draw << 32U | probe},
               flow.probes.image(i));
    if (options_.dequantise) {
      std::ranges::for_each(x0, byte_of_x0);  // throws unless it is one
      fill_words({options_.seed, Purpose::kDequantisation, index, draw}, words);
    }
    for (size_t k = 0; k < x0.size(); ++k) {
      const double uniform = std::ldexp(static_cast<double>(words[k] >> 11U), -53);  // in [0, 1)
      flow.x.push_back(x0[k] + (options_.dequantise ? (2.0 * uniform - 1.0) * kHalfBin : 0.0));
    }
  }
  return flow;
}

// What the network says at (x, t), and the product of its slope with the probes.
FlowLikelihood::Answer FlowLikelihood::ask(const Flow& flow, const std::vector<double>& x,
                                           int64_t t) const {
  Batch x_t(flow.shape);
  std::ranges::transform(x, x_t.values().begin(), [](double d) { return static_cast<float>(d); });
  BatchShape wide = flow.shape;
  if (learned_variance_) wide.channels *= 2;
  Batch cotangent(wide);
  for (int64_t i = 0; i < flow.shape.images; ++i) {
    std::ranges::copy(flow.probes.image(i), cotangent.image(i).begin());  // 0 for the second half
  }
  Answer answer{.output = Batch(wide), .product = Batch(flow.shape)};
  const std::vector<Timestep> timesteps(flow.images.size(), timestep_of(t, schedule_.steps()));
  network_->predict_vjp({x_t, timesteps}, cotangent, answer.output, answer.product);
  return answer;
}

// v at (x, t), and the estimate of its divergence, in the mean over an image's values.
void FlowLikelihood::slopes(const Flow& flow, const std::vector<double>& x, int64_t t,
                            std::vector<double>& v, std::vector<double>& divergence) const {
  v.assign(x.size(), 0.0);
  divergence.assign(flow.images.size(), 0.0);
  if (schedule_.level(t).is_clean()) return;
  const Answer answer = ask(flow, x, t);
  const VelocityWeights w = velocity_weights(prediction_, schedule_, t);
  const auto size = static_cast<size_t>(flow.shape.image_size());
  for (size_t i = 0; i < flow.images.size(); ++i) {
    const auto number = static_cast<int64_t>(i);
    const std::span<const float> said = answer.output.image(number).first(size);
    const std::span<const float> changed = answer.product.image(number);
    const std::span<const float> probe = flow.probes.image(number);
    double trace = 0.0;
    for (size_t k = 0; k < size; ++k) {
      v[i * size + k] = w.xt * x[i * size + k] + w.output * said[k];
      trace += static_cast<double>(probe[k]) * changed[k];
    }
    divergence[i] = w.xt + w.output * trace / static_cast<double>(size);
    if (!std::isfinite(divergence[i]) || !all_finite(said)) {
      throw NotFinite(concat("flow: the network's output or its slope of image ", flow.images[i],
                             " at t = ", t, " is not finite"));
    }
  }
}

// From the image to T by Heun's method, [EDM] algorithm 1, without its exception at the end.
void FlowLikelihood::walk(Flow& flow, std::span<const int64_t> times) const {
  std::vector<double> v;
  std::vector<double> v_end;
  std::vector<double> divergence;
  std::vector<double> divergence_end;
  std::vector<double> x_end(flow.x.size());
  const size_t size = flow.x.size() / flow.images.size();
  for (size_t k = times.size() - 1; k > 0; --k) {
    const double h = angle(schedule_.level(times[k - 1])) - angle(schedule_.level(times[k]));
    slopes(flow, flow.x, times[k], v, divergence);
    for (size_t i = 0; i < flow.x.size(); ++i) x_end[i] = flow.x[i] + h * v[i];
    slopes(flow, x_end, times[k - 1], v_end, divergence_end);
    for (size_t i = 0; i < flow.x.size(); ++i) flow.x[i] += 0.5 * h * (v[i] + v_end[i]);
    for (size_t i = 0; i < flow.images.size(); ++i) {
      flow.integral[i] += 0.5 * h * (divergence[i] + divergence_end[i]);
      if (!all_finite(std::span<const double>(flow.x).subspan(i * size, size))) {
        throw NotFinite(
            concat("flow: image ", flow.images[i], " at t = ", times[k - 1], " is not finite"));
      }
    }
  }
}

void FlowLikelihood::evaluate(const ReadImage& read, BatchShape image, int64_t first,
                              std::span<FlowDensity> densities) const {
  image.images = std::ssize(densities);
  const auto size = static_cast<size_t>(image.image_size());
  const Flow start = begin(read, image, first);
  for (const bool halved : {false, true}) {
    Flow flow = start;
    walk(flow, halved ? every_other(options_.times) : options_.times);
    for (size_t i = 0; i < densities.size(); ++i) {
      const double end = standard_cost(std::span(flow.x).subspan(i * size, size));
      (halved ? densities[i].halved : densities[i].nats) = end - flow.integral[i];
    }
  }
}

}  // namespace ddpm
