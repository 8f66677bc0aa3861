#include "ddpm/export/pipeline_limits.h"

#include "ddpm/base/check.h"

namespace ddpm {

std::vector<std::string> pipeline_limits(const ModelConfig& model) {
  std::vector<std::string> limits;
  if (model.variance == Variance::kLearned) {
    limits.emplace_back(
        "the network says the logarithm of a variance, and diffusers' DDPMScheduler takes it for "
        "the variance itself, so it must not sample from it");
  }
  if (model.prediction == Prediction::kMean) {
    limits.emplace_back(
        "the network predicts the mean of x_{t-1}, for which diffusers has no word: its "
        "DDPMPipeline opens this and refuses to sample; UNet2DModel gives the network's output");
  }
  if (model.unet.classes > 0) {
    limits.emplace_back(
        "the network wants a label, and diffusers' DDPMPipeline gives none: it opens this and "
        "refuses to sample; UNet2DModel takes class_labels");
  }
  return limits;
}

void refuse_wrong_samples(const ModelConfig& model, const std::string& who) {
  DDPM_CHECK(model.variance != Variance::kLearned, who,
             ": a variance 'learned' is the logarithm of one, and diffusers would take it for the "
             "variance itself and sample wrongly without a word; train with --variance "
             "learned_range, which means the same in both, or give --allow-log-variance to export "
             "the network all the same");
}

}  // namespace ddpm
