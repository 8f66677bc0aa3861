// How much an error of the network counts at each t.
//
// A squared error of the output is also one of eps, of x_0 or of the mean, each with its own factor
// (prediction.h), so one weighting means the same training whatever is predicted.

#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "ddpm/diffusion/prediction.h"
#include "ddpm/diffusion/reverse_variance.h"
#include "ddpm/diffusion/schedule.h"

namespace ddpm {

// The weight of |x_0 - predicted x_0|^2, with SNR = alpha_bar / (1 - alpha_bar).
enum class LossWeight {
  kNone,          // 1 for the output itself; of eps [DDPM] eq. 14, L_simple
  kVariational,   // that of L_{t-1}: x0_weight^2 / (2 sigma_t^2), for eps [DDPM] eq. 12
  kSnr,           // SNR: 1 for eps, whatever is predicted
  kTruncatedSnr,  // max(SNR, 1); [PD] section 4
  kMinSnr,        // min(SNR, gamma); Hang et al. 2023
  kP2,            // SNR / (k + SNR)^gamma; Choi et al. 2022
};

std::string to_string(LossWeight weight);  // "none", "variational", "snr", "truncated_snr", ..
// Throws InvalidArgument, with the nearest name, for any other word.
LossWeight loss_weight_from(std::string_view name);
const std::vector<LossWeight>& all_loss_weights();

// Whether the weight divides by the variance of the reverse steps, which then has to be a fixed
// one.
bool needs_fixed_variance(LossWeight weight);

struct LossWeightOptions {
  LossWeight kind = LossWeight::kNone;
  double min_snr_gamma = 5.0;  // above 0
  double p2_gamma = 1.0;       // at least 0; 0: as kSnr
  double p2_k = 1.0;           // above 0
  bool operator==(const LossWeightOptions&) const = default;
};

// The weight of the mean squared error of a network's output at t, in [1, T]. kVariational gives
// nats per dimension, the squared part of L_{t-1}, and at t = 1 that of L_0 as the density has it.
// Where x_t is the clean image the weight is its limit for an SNR without bound, and 0 if that is
// infinite. The variance of the reverse steps matters only where needs_fixed_variance.
// Throws InvalidArgument as output_weights does, for a learned variance where a fixed one is
// needed, and if float32 cannot hold the weight.
double loss_weight(const LossWeightOptions& options, Prediction prediction, Variance variance,
                   const Schedule& schedule, int64_t t);

}  // namespace ddpm
