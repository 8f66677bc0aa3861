#include "ddpm/engine/step.h"

#include "ddpm/base/check.h"
#include "ddpm/engine/steps_internal.h"

namespace ddpm {

const float* Pass::block(const ValueList& list, int64_t block_number) const {
  for (const ValueId id : list) {
    const int64_t blocks = blocks_of(graph.value(id).channels);
    if (block_number < blocks) return block(id, block_number);
    block_number -= blocks;
  }
  DDPM_ASSERT(false);
  return nullptr;
}

namespace {

struct Maker {
  std::unique_ptr<Step> operator()(const EntryOperation& it) const {
    return make_entry_step(engine, it, tensors);
  }
  std::unique_ptr<Step> operator()(const ConvolutionOperation& it) const {
    return it.size == ConvolutionOperation::Size::kHalf ? make_halving_step(engine, it, tensors)
                                                        : make_winograd_step(engine, it, tensors);
  }
  std::unique_ptr<Step> operator()(const PointwiseOperation& it) const {
    return make_pointwise_step(engine, it, tensors);
  }
  std::unique_ptr<Step> operator()(const NormOperation& it) const {
    return make_norm_step(engine, it, tensors);
  }
  std::unique_ptr<Step> operator()(const AttentionOperation& it) const {
    return make_attention_step(engine, it, tensors);
  }
  std::unique_ptr<Step> operator()(const ResizeOperation& it) const { return make_resize_step(it); }
  std::unique_ptr<Step> operator()(const JoinOperation& it) const { return make_join_step(it); }
  std::unique_ptr<Step> operator()(const ExitOperation& it) const { return make_exit_step(it); }

  const Engine& engine;
  const TensorSource& tensors;
};

}  // namespace

std::unique_ptr<Step> make_step(const Engine& engine, const Operation& operation,
                                const TensorSource& tensors) {
  return std::visit(Maker{engine, tensors}, operation);
}

}  // namespace ddpm
