// One step of training, and everything that the next step needs of it.

#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "ddpm/base/batch.h"
#include "ddpm/config/train_config.h"
#include "ddpm/diffusion/loss_history.h"
#include "ddpm/models/unet.h"
#include "ddpm/training_torch/adam.h"
#include "ddpm/training_torch/ema.h"
#include "ddpm/training_torch/noising.h"
#include "ddpm/training_torch/objective.h"
#include "ddpm/unet/parameters.h"

namespace ddpm {

// What one step did.
struct StepReport {
  int64_t step = 0;   // the number of the step, the first is 1
  double loss = 0.0;  // the mean over the batch, weighted if t is drawn by importance
  std::vector<double> image_losses;  // [N], of each image, not so weighted
  std::vector<int64_t> t;            // [N], in [1, T]
  double gradient_norm = 0.0;        // global, before clipping
  double learning_rate = 0.0;
  double ema_decay = 0.0;
  std::string not_finite;  // "loss" or "gradient" if the update was skipped, else ""
};

// The network, its optimiser and its average. A step depends on the configuration, on these and on
// the number of the step alone: every random number is asked for by the number of the training
// sample.
class Trainer {
 public:
  // Fresh weights from config.seed. The device is a CPU or a GPU of LibTorch. Throws
  // InvalidArgument as check_train_config does.
  Trainer(const TrainConfig& config, const UNetConfig& unet, at::Device device);

  // Trains on x0, float32 [batch_size, C, H, W] in [-1, 1], the samples first_sample,
  // first_sample + 1, .. of the run. An update whose loss or gradient is not finite is skipped:
  // then only the step is counted.
  StepReport step(ConstBatchView x0, int64_t first_sample);

  int64_t steps_done() const { return steps_done_; }
  int64_t skipped_updates() const { return skipped_; }
  int64_t bad_steps_in_a_row() const { return bad_in_a_row_; }

  UNet& network() { return *network_; }
  const std::vector<Tensor>& weights() const {
    return weights_;
  }  // in the order of unet_parameters
  Adam& adam() { return adam_; }
  Ema& ema() { return ema_; }
  const TrainConfig& config() const { return config_; }
  at::Device device() const { return device_; }

  // Numbers by name that the next step depends on, for a checkpoint.
  std::map<std::string, std::vector<double>> carried() const;

  // Goes on from there; the caller has copied weights, moments and averages in. `carried` may have
  // other names, too. Throws FormatError if numbers are missing or do not fit.
  void restore(int64_t steps_done, int64_t skipped, int64_t bad_in_a_row,
               const std::map<std::string, std::vector<double>>& carried);

 private:
  TrainingTimes draw_times(int64_t first_sample, int64_t count) const;
  Tensor predict(const NoisyBatch& noisy, int64_t first_sample) const;
  void remember_losses(const StepReport& report);
  void update(StepReport& report);

  TrainConfig config_;
  Objective objective_;
  std::optional<LossHistory> history_;  // if t is drawn by it
  at::Device device_;
  std::shared_ptr<UNet> network_;
  std::vector<Tensor> weights_;
  Adam adam_;
  Ema ema_;
  int64_t steps_done_ = 0;
  int64_t skipped_ = 0;
  int64_t bad_in_a_row_ = 0;
};

}  // namespace ddpm
