// The toy learner keeps the contracts, so a test of the loop that uses it stands for every learner.

#include "ddpm/training/learner.h"

#include "ddpm/testing/learner_contract.h"
#include "ddpm/testing/run_contract.h"
#include "ddpm/testing/toy_learner.h"

namespace ddpm {
namespace {

struct Toys {
  static LearnerFactory factory() { return toy_learners(); }
};

INSTANTIATE_TYPED_TEST_SUITE_P(OfToys, LearnerContract, Toys);
INSTANTIATE_TYPED_TEST_SUITE_P(OfToys, RunOfALearner, Toys);

}  // namespace
}  // namespace ddpm
