// The contracts of a learner and of its runs, for LibTorch's.

#include "ddpm/testing/learner_contract.h"

#include "ddpm/testing/run_contract.h"
#include "ddpm/training_torch/torch_learner.h"

namespace ddpm {
namespace {

struct OnTheCpu {
  static LearnerFactory factory() { return torch_learners(at::kCPU); }
};

INSTANTIATE_TYPED_TEST_SUITE_P(OfLibTorch, LearnerContract, OnTheCpu);
INSTANTIATE_TYPED_TEST_SUITE_P(OfLibTorch, RunOfALearner, OnTheCpu);

}  // namespace
}  // namespace ddpm
