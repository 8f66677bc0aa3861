// The learner (training/learner.h) that computes with LibTorch, on a CPU or a GPU.

#pragma once

#include <cstdint>
#include <memory>
#include <span>
#include <vector>

#include "ddpm/base/batch.h"
#include "ddpm/config/train_config.h"
#include "ddpm/models/unet.h"
#include "ddpm/training/learner.h"
#include "ddpm/training/learner_progress.h"
#include "ddpm/training_torch/adam.h"
#include "ddpm/training_torch/ema.h"
#include "ddpm/training_torch/noisy_batch.h"
#include "ddpm/training_torch/objective.h"

namespace ddpm {

// The bits of a step depend on the device and the number of LibTorch's threads too.
class TorchLearner : public Learner {
 public:
  // Throws InvalidArgument as Objective and check_unet_config do.
  TorchLearner(const TrainConfig& config, const UNetConfig& unet, at::Device device);

  const TrainConfig& config() const override { return config_; }
  const UNetConfig& network_config() const override { return network_->config(); }
  StepReport step(ConstBatchView x0, int64_t first_sample) override;
  LearnerCounters counters() const override { return progress_.counters(); }
  CarriedNumbers carried() const override { return progress_.carried(); }
  void restore(const LearnerCounters& counters, const CarriedNumbers& carried) override;
  ParameterArrays arrays(ArraySet set) const override;
  void put_array(ArraySet set, size_t k, std::span<const float> values) override;
  NetworkPointer network(WeightSet weights) const override;

  // The network that is trained itself, to choose its memory order.
  UNet& trained_network() { return *network_; }

 private:
  const std::vector<Tensor>& tensors(ArraySet set) const;
  Tensor predict(const NoisyBatch& noisy, int64_t first_sample) const;
  void update(const StepReport& report);

  TrainConfig config_;
  LearnerProgress progress_;
  Objective objective_;
  at::Device device_;
  std::unique_ptr<UNet> network_;
  std::vector<Tensor> weights_;  // in the order of unet_parameters
  Adam adam_;
  Ema ema_;
};

// Learners on this device.
LearnerFactory torch_learners(at::Device device);

}  // namespace ddpm
