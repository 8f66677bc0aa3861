// The makers of the steps, one for each kind of operation.

#pragma once

#include <memory>
#include <vector>

#include "ddpm/engine/step.h"

namespace ddpm {

// With zeros up to a multiple of 16.
std::vector<float> padded(const std::vector<float>& values);

std::unique_ptr<Step> make_entry_step(const Engine& engine, const EntryOperation& operation,
                                      const TensorSource& tensors);
std::unique_ptr<Step> make_winograd_step(const Engine& engine,
                                         const ConvolutionOperation& operation,
                                         const TensorSource& tensors);
std::unique_ptr<Step> make_halving_step(const Engine& engine, const ConvolutionOperation& operation,
                                        const TensorSource& tensors);
std::unique_ptr<Step> make_pointwise_step(const Engine& engine, const PointwiseOperation& operation,
                                          const TensorSource& tensors);
std::unique_ptr<Step> make_norm_step(const Engine& engine, const NormOperation& operation,
                                     const TensorSource& tensors);
std::unique_ptr<Step> make_attention_step(const Engine& engine, const AttentionOperation& operation,
                                          const TensorSource& tensors);
std::unique_ptr<Step> make_resize_step(const ResizeOperation& operation);
std::unique_ptr<Step> make_join_step(const JoinOperation& operation);
std::unique_ptr<Step> make_exit_step(const ExitOperation& operation);

}  // namespace ddpm
