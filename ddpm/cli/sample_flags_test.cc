// Two jobs that could make other images never share one, whatever flag tells them apart.

#include "ddpm/cli/sample_flags.h"

#include <gtest/gtest.h>

#include <CLI/CLI.hpp>
#include <algorithm>
#include <cmath>
#include <map>
#include <optional>
#include <set>

#include "ddpm/base/check.h"
#include "ddpm/base/text.h"
#include "ddpm/jobs/chain.h"
#include "ddpm/jobs/image_files.h"
#include "ddpm/jobs/job_noise.h"
#include "ddpm/random/stream.h"

namespace ddpm {
namespace {

using Words = std::vector<std::string>;

constexpr int64_t kSteps = 20;  // of the process
constexpr int64_t kImageCount = 2;

// How a flag may tell two jobs apart.
struct Role {
  enum { kImages, kModel, kNone } what;
  std::vector<Words> values;  // of kImages: what else it may be
};

// Every flag of the command. Who adds one says here what it does to the images.
const std::map<std::string, Role>& roles() {
  static const std::map<std::string, Role> table = [] {
    std::map<std::string, Role> roles = {
        // what the network is and computes: see AJobIsOfItsModel
        {"--checkpoint", {Role::kModel, {}}},
        {"--weights", {Role::kModel, {}}},
        {"--variant", {Role::kModel, {}}},
        {"--precision", {Role::kModel, {}}},
        {"--device", {Role::kModel, {}}},
        {"--executor", {Role::kModel, {}}},
        {"--class", {Role::kModel, {}}},
        // no bit of any image depends on them
        {"--out", {Role::kNone, {}}},
        {"--npz", {Role::kNone, {}}},
        {"--first-index", {Role::kNone, {}}},
        {"--batch-size", {Role::kNone, {}}},
        {"--threads", {Role::kNone, {}}},
        // of one generator for all images alone: see below
        {"--count", {Role::kImages, {{"3", "--rng", "diffusers"}}}},
        {"--rng", {Role::kImages, {{"diffusers"}, {"diffusers-per-image"}}}},
        {"--seed", {Role::kImages, {{"1"}}}},
        {"--sampler", {Role::kImages, {}}},  // each of them with all of the others
        {"--steps", {Role::kImages, {{"20"}, {"10"}, {"7"}}}},
        {"--eta", {Role::kImages, {{"0.5"}, {"1"}}}},
        {"--churn", {Role::kImages, {{"0.5"}, {"10"}}}},
        {"--spacing",
         {Role::kImages,
          {{"trailing"},
           {"leading"},
           {"linspace"},
           {"dpm_linspace"},
           {"dpm_leading"},
           {"quadratic"},
           {"karras"},
           {"karras", "--karras", "sigmas"},
           {"leading", "--steps", "7"},
           {"karras", "--steps", "7"}}}},
        {"--respacing", {Role::kImages, {{"3,2"}, {"ddim10"}}}},
        {"--times", {Role::kImages, {{"20,11,4"}, {"20,11,5"}}}},
        {"--variance", {Role::kImages, {{"fixed_large"}, {"fixed_small"}}}},
        {"--clip", {Role::kImages, {{"no"}, {"0.5"}, {"1"}}}},
        {"--threshold-quantile", {Role::kImages, {{"0.9"}, {"0.5"}}}},
        {"--threshold-max", {Role::kImages, {{"1.5", "--threshold-quantile", "0.5"}}}},
        {"--no-clip", {Role::kImages, {{}}}},
        {"--raw-eps", {Role::kImages, {{}}}},
        {"--parity", {Role::kImages, {}}},
    };
    for (const std::string& name : parity_names()) roles["--parity"].values.push_back({name});
    for (const ParitySwitchRow& one : parity_switches()) {
      roles[concat("--", one.name)] = {Role::kImages,
                                       {{std::string(one.ours)}, {std::string(one.theirs)}}};
    }
    return roles;
  }();
  return table;
}

SampleFlags flags_of(Words words) {
  SampleFlags values;
  CLI::App app;
  Flags flags(app, "sample");
  declare_sample_flags(flags, values);
  std::reverse(words.begin(), words.end());  // as CLI11 takes them
  app.parse(words);
  return values;
}

// A network that is a formula; what it predicts is clipped here and there.
void predict(ConstBatchView x, std::span<const Timestep> timesteps, BatchView output) {
  for (int64_t i = 0; i < x.images(); ++i) {
    const auto n = static_cast<float>(timesteps[static_cast<size_t>(i)].index);
    const std::span<const float> in = x.image(i);
    const std::span<float> out = output.image(i);
    for (size_t k = 0; k < in.size(); ++k) {
      out[k] = 0.7F * in[k] + 0.4F * std::sin(3.0F * in[k] + n);
    }
    for (size_t k = in.size(); k < out.size(); ++k) {  // a variance, or its logarithm
      out[k] = 0.2F + 0.1F * std::sin(out[k - in.size()]);
    }
  }
}

ModelConfig toy_config(SchedulerClass scheduler, Variance variance) {
  ModelConfig config;
  config.unet.image_channels = 1;
  config.unet.height = config.unet.width = 3;
  config.unet.learned_variance = is_learned(variance);
  config.schedule.T = kSteps;
  config.schedule.beta_1 = 0.01;
  config.schedule.beta_T = 0.5;
  config.variance = variance;
  config.sampling.scheduler = scheduler;
  config.sampling.ends_at_one = scheduler == SchedulerClass::kPndm;
  return config;
}

Model toy_model(const ModelConfig& config) {
  return {.checkpoint = "run/checkpoints/00000010",
          .folder = {},
          .weights = {},
          .hash = "0123456789abcdef",
          .config = config,
          .backend = NetworkBackend::kEngine,
          .device = "cpu",
          .libtorch = "none",
          .network = network_of(predict),
          .predictor = NoisePredictor(network_of(predict), make_schedule(config.schedule),
                                      config.prediction, config.unet.learned_variance)};
}

TorchHooks toy_hooks() {
  TorchHooks hooks;
  hooks.torch_normal = [](uint64_t seed) -> NormalDraws {
    return [seed, step = uint64_t{0}](std::span<float> values) mutable {
      fill_normal({seed, Purpose::kTest, 0, step++}, values);
    };
  };
  return hooks;
}

struct Job {
  Words words;
  PngText text;
  std::vector<float> images;  // as they left the sampler, and as they are stored
};

std::vector<float> images_of(const SampleRequest& request, const Model& model, const Chain& chain) {
  const int64_t count = draws_all_images_together(request.rng) ? request.count : kImageCount;
  std::vector<int64_t> indices;
  for (int64_t i = 0; i < count; ++i) indices.push_back(i);
  Batch x(model.shape(count));
  const JobNoise noise =
      job_noise(request.rng, static_cast<uint64_t>(request.seed), indices, x.shape(), toy_hooks());
  noise.fill_initial(x);
  run_sampler(model.predictor, chain.times, chain.options, noise.steps, indices, x);
  std::vector<float> values;
  for (int64_t i = 0; i < kImageCount; ++i) {
    values.insert(values.end(), x.image(i).begin(), x.image(i).end());
    const Image stored = to_image(x.image(i), 1, 3, 3, chain.rounding);
    values.insert(values.end(), stored.samples.begin(), stored.samples.end());
  }
  return values;
}

// Nothing for flags that do not fit together.
std::optional<Job> job_of(const Words& words, const ModelConfig& config) {
  const SampleFlags flags = flags_of(words);
  const SampleRequest request = sample_request(flags);
  const Model model = toy_model(config);
  try {
    const Chain chain = chain_of("sample", sampler_request("sample", flags.sampler), config);
    return Job{words, sample_job(request, model, chain), images_of(request, model, chain)};
  } catch (const InvalidArgument&) {
    return std::nullopt;
  }
}

std::vector<Words> lines_of_flags() {
  Words samplers = {"checkpoint"};
  for (const SamplerKind kind : all_sampler_kinds()) samplers.push_back(to_string(kind));
  std::vector<Words> lines;
  for (const std::string& sampler : samplers) {
    lines.push_back({"--sampler", sampler});
    for (const auto& [flag, role] : roles()) {
      for (const Words& value : role.values) {
        lines.push_back({"--sampler", sampler, flag});
        lines.back().insert(lines.back().end(), value.begin(), value.end());
      }
    }
  }
  return lines;
}

const std::vector<ModelConfig>& toy_configs() {
  static const std::vector<ModelConfig> configs = {
      toy_config(SchedulerClass::kDdpm, Variance::kFixedLarge),
      toy_config(SchedulerClass::kDdpm, Variance::kLearned),
      toy_config(SchedulerClass::kPndm, Variance::kFixedSmall),
      toy_config(SchedulerClass::kDpmMultistep, Variance::kFixedSmall)};
  return configs;
}

std::string shown(const Words& words) { return join(words, " "); }

TEST(SampleJob, EveryFlagOfTheCommandHasARole) {
  SampleFlags values;
  CLI::App app;
  Flags flags(app, "sample");
  declare_sample_flags(flags, values);
  std::set<std::string> declared;
  for (const CLI::Option* option : app.get_options()) declared.insert(option->get_name());
  declared.erase("--help");
  std::set<std::string> known;
  for (const auto& [flag, role] : roles()) known.insert(flag);
  EXPECT_EQ(declared, known) << "see roles()";
}

// The images are the oracle: they are made, by a network that is a formula. Of all pairs of jobs,
// those with equal texts have to have equal images.
TEST(SampleJob, JobsWhoseImagesDifferAreToldApartInBothDirections) {
  for (const ModelConfig& config : toy_configs()) {
    std::map<PngText, Job> jobs;
    std::set<std::vector<float>> images;
    const Job* last = nullptr;
    int64_t legal = 0;
    for (const Words& words : lines_of_flags()) {
      auto job = job_of(words, config);
      if (!job) continue;
      ++legal;
      images.insert(job->images);
      const auto [same, is_new] = jobs.emplace(job->text, *job);
      EXPECT_EQ(same->second.images, job->images)
          << "one job for: " << shown(same->second.words) << "\n         and: " << shown(words);
      if (is_new && last != nullptr) {
        EXPECT_NE(difference_of_jobs(last->text, job->text), "");
        EXPECT_NE(difference_of_jobs(job->text, last->text), "");
      }
      last = &same->second;
    }
    EXPECT_GT(legal, 300);
    EXPECT_GT(images.size(), 120U);
  }
}

TEST(SampleJob, ASettingInOtherWordsIsTheSameJob) {
  const std::vector<std::pair<Words, Words>> same = {
      {{}, {"--sampler", "ddpm"}},
      {{}, {"--steps", "20"}},
      {{}, {"--spacing", "trailing"}},
      {{}, {"--parity", "none"}},
      {{}, {"--variance", "fixed_large"}},
      {{}, {"--rng", "ddpm"}},
      {{}, {"--clip", "1"}},
      {{"--clip", "no"}, {"--no-clip"}},
      {{"--sampler", "ddim", "--raw-eps"}, {"--sampler", "ddim", "--eps", "raw"}},
      {{"--parity", "official-tf"}, {"--parity", "improved-diffusion"}},
      {{"--sampler", "ddim"}, {"--sampler", "ddim", "--variance", "fixed_small"}},
      {{"--count", "3"}, {"--count", "5", "--first-index", "7"}},
      {{"--batch-size", "1"}, {"--batch-size", "5", "--threads", "3", "--out", "x"}},
  };
  for (const auto& [a, b] : same) {
    SCOPED_TRACE(shown(a) + " | " + shown(b));
    const ModelConfig& config = toy_configs()[0];
    const auto one = job_of(a, config);
    const auto other = job_of(b, config);
    ASSERT_TRUE(one && other);
    EXPECT_EQ(difference_of_jobs(one->text, other->text), "");
    EXPECT_EQ(one->images, other->images);
  }
}

TEST(SampleJob, AJobIsOfItsModel) {
  const ModelConfig config = toy_configs()[0];
  const auto text_of = [&config](const Words& words, const auto& change) {
    Model model = toy_model(config);
    change(model);
    const SampleFlags flags = flags_of(words);
    return sample_job(sample_request(flags), model,
                      chain_of("sample", sampler_request("sample", flags.sampler), config));
  };
  const auto nothing = [](Model&) {};
  const std::vector<PngText> texts = {
      text_of({}, nothing),
      text_of({"--weights", "raw"}, nothing),
      // which the engine computes in fp32 where the CPU has no instructions for it
      text_of({"--precision", "bf16"},
              [](Model& model) { model.backend = NetworkBackend::kLibTorch; }),
      text_of({"--class", "0"}, nothing),
      text_of({"--class", "1"}, nothing),
      text_of({}, [](Model& model) { model.hash = "1123456789abcdef"; }),
      text_of({}, [](Model& model) { model.backend = NetworkBackend::kLibTorch; }),
      text_of({},
              [](Model& model) {
                model.backend = NetworkBackend::kLibTorch;
                model.libtorch = "2.7.0";
              }),
      text_of({},
              [](Model& model) {
                model.backend = NetworkBackend::kLibTorch;
                model.device = "cuda";
              }),
  };
  for (size_t i = 0; i < texts.size(); ++i) {
    for (size_t k = 0; k < texts.size(); ++k) {
      EXPECT_EQ(difference_of_jobs(texts[i], texts[k]).empty(), i == k) << i << ' ' << k;
    }
  }
  // LibTorch is of no matter to the engine, but for who draws its numbers
  const auto newer = [](Model& model) { model.libtorch = "2.7.0"; };
  EXPECT_EQ(difference_of_jobs(text_of({}, newer), texts[0]), "");
  EXPECT_NE(difference_of_jobs(text_of({"--rng", "diffusers"}, newer),
                               text_of({"--rng", "diffusers"}, nothing)),
            "");
}

}  // namespace
}  // namespace ddpm
