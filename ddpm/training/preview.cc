#include "ddpm/training/preview.h"

#include <algorithm>
#include <cmath>
#include <cstdio>

#include "ddpm/base/check.h"
#include "ddpm/base/text.h"
#include "ddpm/data/transform.h"
#include "ddpm/diffusion/noise_predictor.h"
#include "ddpm/diffusion/schedule_kinds.h"
#include "ddpm/formats/picture_mark.h"
#include "ddpm/plot/image_grid.h"
#include "ddpm/sampling/sampler.h"
#include "ddpm/sampling/times.h"

namespace ddpm {

namespace {

namespace fs = std::filesystem;

// While the average still holds much of the first, random weights, the raw ones are shown too.
bool average_is_young(const Learner& learner) {
  const auto updates = static_cast<double>(learner.counters().ema_updates);
  return updates < 3.0 / (1.0 - learner.config().ema_decay);
}

SamplerKind kind_of(PreviewSampler sampler) {
  switch (sampler) {
    case PreviewSampler::kAncestral:
      return SamplerKind::kAncestral;
    case PreviewSampler::kDdim:
      return SamplerKind::kDdim;
  }
  DDPM_ASSERT(false);
}

SamplerOptions sampler_options(const TrainConfig& config) {
  SamplerOptions options;
  options.kind = kind_of(config.sampler);
  options.variance = config.variance;
  return options;
}

struct GivenUp {};

// One network's samples of a preview.
struct Sampling {
  const TrainConfig& config;
  const PreviewWatch& watch;
  int64_t before;  // images that other weights made
  int64_t of;      // images of all weights
};

// All of them, in batches no larger than those of training. Throws GivenUp.
Batch sample_all(const Sampling& work, const NoisePredictor& predictor, BatchShape shape) {
  const TrainConfig& config = work.config;
  const auto times =
      times_for(Spacing::kTrailing, config.T, std::min(config.sample_steps, config.T));
  Batch all(shape);
  const auto seed = static_cast<uint64_t>(config.seed);
  for (int64_t first = 0; first < shape.images; first += config.batch_size) {
    const int64_t count = std::min(config.batch_size, shape.images - first);
    std::vector<int64_t> indices;
    for (int64_t i = 0; i < count; ++i) indices.push_back(first + i);
    const BatchView part = all.view().slice(first, count);
    fill_initial_noise(seed, indices, part);
    double steps = 0.0;
    const auto after_step = [&](const SampleStep&) {
      const double share = ++steps / static_cast<double>(times.size() - 1);
      const double done =
          static_cast<double>(work.before + first) + share * static_cast<double>(count);
      if (work.watch && !work.watch(done, work.of)) throw GivenUp();
    };
    run_sampler(predictor, times, sampler_options(config), seed, indices, part, after_step);
  }
  return all;
}

// The mean of channel c of each image.
std::vector<double> image_means(const Batch& samples, int64_t c) {
  const BatchShape& shape = samples.shape();
  const auto size = static_cast<size_t>(shape.height * shape.width);
  std::vector<double> means;
  for (int64_t i = 0; i < shape.images; ++i) {
    double sum = 0.0;
    for (const float value : samples.image(i).subspan(static_cast<size_t>(c) * size, size)) {
      sum += value;
    }
    means.push_back(sum / static_cast<double>(size));
  }
  return means;
}

ChannelDrift drift_of(const Batch& samples, const Dataset& dataset, const std::string& weights) {
  ChannelDrift drift;
  drift.weights = weights;
  drift.data_mean = dataset.channel_means();
  const auto n = static_cast<double>(samples.images());
  for (int64_t c = 0; c < samples.shape().channels; ++c) {
    const std::vector<double> means = image_means(samples, c);
    double mean = 0.0;
    for (const double value : means) mean += value / n;
    double variance = 0.0;
    for (const double value : means) variance += (value - mean) * (value - mean) / n;
    drift.mean.push_back(mean);
    const double away = std::abs(mean - drift.data_mean[static_cast<size_t>(c)]);
    if (away > kDriftOfNote && away > 4.0 * std::sqrt(variance / n)) drift.warning = true;
  }
  return drift;
}

Image grid_of(const Batch& samples) {
  const BatchShape& shape = samples.shape();
  std::vector<Image> images;
  for (int64_t i = 0; i < shape.images; ++i) {
    images.push_back(to_image(samples.image(i), shape.channels, shape.height, shape.width));
  }
  return image_grid(images, grid_options_for(images[0]));
}

std::string numbers_text(const std::vector<double>& values) {
  std::vector<std::string> words;
  for (const double value : values) words.push_back(with_decimals(value, 2));
  return join(words, ", ");
}

}  // namespace

fs::path picture_of_step(const fs::path& folder, int64_t step) {
  char name[32];
  std::snprintf(name, sizeof(name), "%08lld.png", static_cast<long long>(step));
  return folder / name;
}

std::optional<PreviewReport> write_preview(const Learner& learner, const Dataset& dataset,
                                           const fs::path& folder, const PreviewWatch& watch,
                                           FileLayer& files) {
  const TrainConfig& config = learner.config();
  const UNetConfig& unet = learner.network_config();
  const Schedule schedule = make_schedule(schedule_config_of(config));
  const BatchShape shape{config.sample_count, unet.image_channels, unet.height, unet.width};
  const fs::path averaged = picture_of_step(folder, learner.counters().steps);
  const fs::path raw = folder / (averaged.stem().string() + "-raw.png");

  PreviewReport report;
  const bool young = average_is_young(learner);
  Sampling work{config, watch, 0, young ? 2 * shape.images : shape.images};
  for (const bool ema : {true, false}) {
    if (!ema && !young) continue;
    const std::string weights = ema ? "ema" : "raw";
    const NetworkPointer network = learner.network(ema ? WeightSet::kAveraged : WeightSet::kRaw);
    const NoisePredictor predictor(network, schedule, config.prediction, unet.learned_variance);
    try {
      const Batch samples = sample_all(work, predictor, shape);
      report.pictures.push_back(ema ? averaged : raw);
      write_file_whole(report.pictures.back(), encode_picture(grid_of(samples)), files);
      report.drifts.push_back(drift_of(samples, dataset, weights));
    } catch (const GivenUp&) {
      return std::nullopt;
    } catch (const NotFinite& error) {
      report.drifts.push_back({weights, {}, dataset.channel_means(), error.what(), true});
    }
    work.before += shape.images;
  }
  return report;
}

std::string drift_warning(const ChannelDrift& drift) {
  if (!drift.not_finite.empty()) {
    return concat("no preview (", drift.weights, "): ", drift.not_finite);
  }
  return concat("the samples' channel means (", drift.weights, ") are ", numbers_text(drift.mean),
                ", the data's ", numbers_text(drift.data_mean),
                ": too little training yet, or colours that drift");
}

}  // namespace ddpm
