#include "ddpm/training/snapshot.h"

#include "ddpm/base/check.h"
#include "ddpm/checkpoints/warm_start.h"
#include "ddpm/diffusers/model_files.h"

namespace ddpm {

namespace {

void restore_set(const std::filesystem::path& checkpoint, ArraySet set, Learner& learner) {
  for_each_array(
      checkpoint, learner.network_config(), set,
      [&](size_t k, const std::vector<float>& values) { learner.put_array(set, k, values); });
}

}  // namespace

std::filesystem::path save_snapshot(const Learner& learner, TrainingState state,
                                    CheckpointStore& store, const KeepPolicy& keep,
                                    const CheckpointStore::KeptReport& report) {
  const LearnerCounters counters = learner.counters();
  state.config = learner.config();
  state.unet = learner.network_config();
  state.step = counters.steps;
  state.images_seen = state.step * state.config.batch_size;
  state.optimizer_updates = counters.optimizer_updates;
  state.ema_updates = counters.ema_updates;
  state.skipped_updates = counters.skipped_updates;
  state.bad_in_a_row = counters.bad_in_a_row;
  state.carried.merge(learner.carried());
  const TrainingArrays arrays{learner.arrays(ArraySet::kEma), learner.arrays(ArraySet::kRaw),
                              learner.arrays(ArraySet::kFirstMoment),
                              learner.arrays(ArraySet::kSecondMoment)};
  return store.save(state, arrays, keep, report);
}

TrainingState restore_snapshot(const std::filesystem::path& checkpoint, Learner& learner) {
  TrainingState state = read_training_state(checkpoint);
  check_same_run(state.config, learner.config(), "resume: " + checkpoint.string());
  DDPM_CHECK(state.unet == learner.network_config(), "resume: the network of ", checkpoint.string(),
             " is not that of the run's configuration");
  for (const ArraySet set :
       {ArraySet::kRaw, ArraySet::kEma, ArraySet::kFirstMoment, ArraySet::kSecondMoment}) {
    restore_set(checkpoint, set, learner);
  }
  learner.restore({.steps = state.step,
                   .skipped_updates = state.skipped_updates,
                   .bad_in_a_row = state.bad_in_a_row,
                   .optimizer_updates = state.optimizer_updates,
                   .ema_updates = state.ema_updates},
                  state.carried);
  return state;
}

std::vector<std::string> begin_from(const std::filesystem::path& path, Learner& learner) {
  const auto checkpoint = require_checkpoint("train", "--init-from", path);
  const UNetConfig old_unet = read_model_config(checkpoint).unet;
  const WarmStart start =
      take_over(learner.network_config(), old_unet,
                read_arrays(checkpoint, old_unet, ArraySet::kEma), "init_from: " + path.string());
  for (size_t k = 0; k < start.values.size(); ++k) {
    if (start.values[k].empty()) continue;
    learner.put_array(ArraySet::kRaw, k, start.values[k]);
    learner.put_array(ArraySet::kEma, k, start.values[k]);
  }
  return start.lines;
}

}  // namespace ddpm
