// The choices of a training configuration that no lower layer defines, each with its words.
//
// The words are those of config.json and of the flags, in the order of the help. Code that acts on
// a choice switches over the enumeration without a default, so that a new value does not compile
// until every place handles it.

#pragma once

#include <array>

#include "ddpm/base/names.h"

namespace ddpm {

// The training objective.
enum class LossKind {
  kSimple,  // the error of the prediction; squared and unweighted it is [DDPM] eq. 14
  kBound,   // the variational bound in bits per dimension
  kHybrid,  // [iDDPM] eq. 16: simple, plus the bound for the learned variance alone
};
inline constexpr std::array<Named<LossKind>, 3> kLossKinds = {
    {{LossKind::kSimple, "simple"}, {LossKind::kBound, "bound"}, {LossKind::kHybrid, "hybrid"}}};

// Whether an error of the prediction, with its LossWeight and ErrorKind, is a part of the loss.
bool has_error(LossKind kind);
// Whether the variational bound is a part of the loss.
bool has_bound(LossKind kind);

// The error of one value of a prediction.
enum class ErrorKind { kSquared, kAbsolute, kHuber };
inline constexpr std::array<Named<ErrorKind>, 3> kErrorKinds = {{{ErrorKind::kSquared, "squared"},
                                                                 {ErrorKind::kAbsolute, "absolute"},
                                                                 {ErrorKind::kHuber, "huber"}}};

// How the timesteps of the training samples are drawn.
enum class TimestepSampling {
  kStratified,  // a low-discrepancy sequence over the samples of the run: any neighbours spread
                // evenly
  kUniform,     // t of each sample on its own
  kImportance,  // more often where losses were large, with weights that undo it
};
inline constexpr std::array<Named<TimestepSampling>, 3> kTimestepSamplings = {
    {{TimestepSampling::kStratified, "stratified"},
     {TimestepSampling::kUniform, "uniform"},
     {TimestepSampling::kImportance, "importance"}}};

// The learning rate after the warm-up: see learning_rate_at.
enum class LearningRateDecay { kConstant, kCosine };
inline constexpr std::array<Named<LearningRateDecay>, 2> kLearningRateDecays = {
    {{LearningRateDecay::kConstant, "constant"}, {LearningRateDecay::kCosine, "cosine"}}};

// The decay of the weights' moving average at the update after n earlier ones.
enum class EmaRule {
  kWarmup,    // min(decay, (1 + n) / (10 + n)): young weights are forgotten quickly
  kConstant,  // decay, as the paper's authors have it
};
inline constexpr std::array<Named<EmaRule>, 2> kEmaRules = {
    {{EmaRule::kWarmup, "warmup"}, {EmaRule::kConstant, "constant"}}};

// The sampler of a run's previews. Not a SamplerKind: the other samplers have options for which a
// configuration has no field.
enum class PreviewSampler { kAncestral, kDdim };
inline constexpr std::array<Named<PreviewSampler>, 2> kPreviewSamplers = {
    {{PreviewSampler::kAncestral, "ddpm"}, {PreviewSampler::kDdim, "ddim"}}};

}  // namespace ddpm
