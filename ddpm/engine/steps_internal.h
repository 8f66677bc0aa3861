// The makers of the steps, one for each kind of operator.

#pragma once

#include <memory>
#include <vector>

#include "ddpm/engine/step.h"

namespace ddpm {

// With zeros up to a multiple of 16.
std::vector<float> padded(const std::vector<float>& values);

std::unique_ptr<Step> make_entry_step(const Engine& engine, const EntryOperator& op,
                                      const TensorSource& tensors);
std::unique_ptr<Step> make_winograd_step(const Engine& engine, const ConvolutionOperator& op,
                                         const TensorSource& tensors);
std::unique_ptr<Step> make_halving_step(const Engine& engine, const ConvolutionOperator& op,
                                        const TensorSource& tensors);
std::unique_ptr<Step> make_pointwise_step(const Engine& engine, const PointwiseOperator& op,
                                          const TensorSource& tensors);
std::unique_ptr<Step> make_norm_step(const Engine& engine, const NormOperator& op,
                                     const TensorSource& tensors);
std::unique_ptr<Step> make_attention_step(const Engine& engine, const AttentionOperator& op,
                                          const TensorSource& tensors);
std::unique_ptr<Step> make_resize_step(const ResizeOperator& op);
std::unique_ptr<Step> make_concat_step(const ConcatOperator& op);
std::unique_ptr<Step> make_exit_step(const ExitOperator& op);

}  // namespace ddpm
