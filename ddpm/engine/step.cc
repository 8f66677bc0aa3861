#include "ddpm/engine/step.h"

#include "ddpm/base/check.h"
#include "ddpm/engine/steps_internal.h"

namespace ddpm {

const float* Pass::block_in_parts(ValueId id, int64_t number) const {
  for (const ValueId part : plan.parts[static_cast<size_t>(id)]) {
    const int64_t blocks = blocks_of(graph.value(part).channels);
    if (number < blocks) return block(part, number);
    number -= blocks;
  }
  DDPM_ASSERT(false);
  return nullptr;
}

namespace {

struct Maker {
  std::unique_ptr<Step> operator()(const EntryOperator& it) const {
    return make_entry_step(engine, it, tensors);
  }
  std::unique_ptr<Step> operator()(const ConvolutionOperator& it) const {
    return it.resize == Resize::kHalf ? make_halving_step(engine, it, tensors)
                                      : make_winograd_step(engine, it, tensors);
  }
  std::unique_ptr<Step> operator()(const PointwiseOperator& it) const {
    return make_pointwise_step(engine, it, tensors);
  }
  std::unique_ptr<Step> operator()(const NormOperator& it) const {
    return make_norm_step(engine, it, tensors);
  }
  std::unique_ptr<Step> operator()(const AttentionOperator& it) const {
    return make_attention_step(engine, it, tensors);
  }
  std::unique_ptr<Step> operator()(const ResizeOperator& it) const { return make_resize_step(it); }
  std::unique_ptr<Step> operator()(const ConcatOperator& it) const { return make_concat_step(it); }
  std::unique_ptr<Step> operator()(const ExitOperator& it) const { return make_exit_step(it); }

  const Engine& engine;
  const TensorSource& tensors;
};

}  // namespace

std::unique_ptr<Step> make_step(const Engine& engine, const Operator& op,
                                const TensorSource& tensors) {
  return std::visit(Maker{engine, tensors}, op);
}

}  // namespace ddpm
