#include "ddpm/training/snapshot.h"

#include <ATen/Functions.h>
#include <ATen/core/grad_mode.h>

#include <algorithm>

#include "ddpm/base/check.h"
#include "ddpm/checkpoints/warm_start.h"
#include "ddpm/diffusers/model_files.h"

namespace ddpm {

namespace {

// Tensors as plain row-major float32 arrays on the host, one of them there at a time where they are
// not so already.
ParameterArrays host_arrays(const std::vector<Tensor>& tensors) {
  return {tensors.size(), [&tensors](size_t k, const ParameterArrays::Take& take) {
            const Tensor host = tensors[k].detach().to(at::kCPU, at::kFloat).contiguous();
            take({host.const_data_ptr<float>(), static_cast<size_t>(host.numel())});
          }};
}

// Into a tensor of any device and memory order.
void copy_into(const Tensor& tensor, const std::vector<float>& values) {
  const at::NoGradGuard no_grad;
  Tensor host = at::empty(tensor.sizes(), at::kFloat);
  DDPM_ASSERT(host.numel() == static_cast<int64_t>(values.size()));
  std::copy(values.begin(), values.end(), host.mutable_data_ptr<float>());
  tensor.detach().copy_(host);
}

void restore_into(const std::vector<Tensor>& tensors, const std::filesystem::path& checkpoint,
                  const UNetConfig& unet, ArraySet set) {
  for_each_array(checkpoint, unet, set, [&](size_t k, const std::vector<float>& values) {
    copy_into(tensors.at(k), values);
  });
}

}  // namespace

std::filesystem::path save_snapshot(Trainer& trainer, TrainingState state, CheckpointStore& store,
                                    const KeepPolicy& keep,
                                    const CheckpointStore::KeptReport& report) {
  state.config = trainer.config();
  state.unet = trainer.network().config();
  state.step = trainer.steps_done();
  state.images_seen = state.step * state.config.batch_size;
  state.optimizer_updates = trainer.adam().updates();
  state.ema_updates = trainer.ema().updates();
  state.skipped_updates = trainer.skipped_updates();
  state.bad_in_a_row = trainer.bad_steps_in_a_row();
  state.carried.merge(trainer.carried());
  const TrainingArrays arrays{host_arrays(trainer.ema().averages()), host_arrays(trainer.weights()),
                              host_arrays(trainer.adam().first_moments()),
                              host_arrays(trainer.adam().second_moments())};
  return store.save(state, arrays, keep, report);
}

TrainingState restore_snapshot(const std::filesystem::path& checkpoint, Trainer& trainer) {
  const TrainingState state = read_training_state(checkpoint);
  const UNetConfig& unet = trainer.network().config();
  check_same_run(state.config, trainer.config(), "resume: " + checkpoint.string());
  DDPM_CHECK(state.unet == unet, "resume: the network of ", checkpoint.string(),
             " is not that of the run's configuration");
  restore_into(trainer.weights(), checkpoint, unet, ArraySet::kRaw);
  restore_into(trainer.ema().averages(), checkpoint, unet, ArraySet::kEma);
  restore_into(trainer.adam().first_moments(), checkpoint, unet, ArraySet::kFirstMoment);
  restore_into(trainer.adam().second_moments(), checkpoint, unet, ArraySet::kSecondMoment);
  trainer.adam().restore(state.optimizer_updates);
  trainer.ema().restore(state.ema_updates);
  trainer.restore(state.step, state.skipped_updates, state.bad_in_a_row, state.carried);
  return state;
}

std::vector<std::string> begin_from(const std::filesystem::path& path, Trainer& trainer) {
  const auto checkpoint = require_checkpoint("train", "--init-from", path);
  const UNetConfig old_unet = read_model_config(checkpoint).unet;
  const WarmStart start =
      take_over(trainer.network().config(), old_unet,
                read_arrays(checkpoint, old_unet, ArraySet::kEma), "init_from: " + path.string());
  for (size_t i = 0; i < start.values.size(); ++i) {
    if (start.values[i].empty()) continue;
    copy_into(trainer.weights()[i], start.values[i]);
    copy_into(trainer.ema().averages()[i], start.values[i]);
  }
  return start.lines;
}

}  // namespace ddpm
