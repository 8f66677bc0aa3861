#include "ddpm/base/check.h"
#include "ddpm/base/text.h"
#include "ddpm/cli/chain.h"
#include "ddpm/diffusion/float32_schedule.h"
#include "ddpm/parity/diffusers_plan.h"

namespace ddpm {

namespace {

bool is_pseudo(SamplerKind kind) {
  return kind == SamplerKind::kPndm || kind == SamplerKind::kPlms;
}

bool is_dpm(SamplerKind kind) {
  return kind == SamplerKind::kDpm1S || kind == SamplerKind::kDpm2M ||
         kind == SamplerKind::kDpm2MSde;
}

// Whether a switch stands at the other program's word, and that changes this sampler. One that was
// given by its own flag has to.
class Switches {
 public:
  Switches(const std::string& command, const SamplerFlags& flags, SamplerKind kind)
      : command_(command), flags_(flags), values_(switches_of(flags)), kind_(kind) {}

  const ParitySwitches& values() const { return values_; }

  bool on(std::string ParitySwitches::*value, bool has_it, const char* samplers) const {
    const ParitySwitch& row = row_of(value);
    if (values_.*value != row.theirs) return false;
    const bool given = flags_.switches.*value == row.theirs;
    DDPM_CHECK(has_it || !given, command_, ": --", row.name, " ", row.theirs,
               " belongs to --sampler ", samplers, ", got --sampler ", to_string(kind_));
    return has_it;
  }

 private:
  static const ParitySwitch& row_of(std::string ParitySwitches::*value) {
    for (const ParitySwitch& row : parity_switches()) {
      if (row.value == value) return row;
    }
    throw std::logic_error("parity: an unknown switch");
  }

  const std::string& command_;
  const SamplerFlags& flags_;
  ParitySwitches values_;
  SamplerKind kind_;
};

void use_float32(const std::string& command, const ModelConfig& model, SamplerKind kind,
                 Parity& parity) {
  DDPM_CHECK(model.prediction != Prediction::kMean, command,
             ": --tables f32 wants a network that predicts eps, x0 or v, got mean");
  parity.betas = float32_betas(model.schedule);
  parity.zero_snr_floor = is_dpm(kind) && model.schedule.zero_terminal_snr;
}

}  // namespace

ParitySwitches switches_of(const SamplerFlags& flags) {
  ParitySwitches switches = parity_of(flags.parity);
  for (const ParitySwitch& row : parity_switches()) {
    const std::string& given = flags.switches.*row.value;
    if (given != kOfParity) switches.*row.value = given;
  }
  if (flags.raw_eps) switches.eps = "raw";
  return switches;
}

std::string parity_text(const ParitySwitches& switches) {
  std::vector<std::string> others;
  for (const ParitySwitch& row : parity_switches()) {
    const std::string& value = switches.*row.value;
    if (value != row.ours) others.push_back(concat(row.name, " ", value));
  }
  return join(others, ", ");
}

void apply_parity(const std::string& command, const SamplerFlags& flags, const ModelConfig& model,
                  Chain& chain) {
  SamplerOptions& options = chain.options;
  Parity& parity = chain.parity;
  const SamplerKind kind = options.kind;
  const Switches switches(command, flags, kind);
  const bool strides = kind == SamplerKind::kDdim || is_pseudo(kind);
  const bool ancestral = kind == SamplerKind::kAncestral;
  using S = ParitySwitches;
  if (switches.on(&S::next_time, strides, "ddim, pndm or plms")) {
    parity.stride = model.schedule.T / (std::ssize(chain.times) - 1);
  }
  options.rederive_eps = !switches.on(&S::eps, true, "");
  if (switches.on(&S::pndm, is_pseudo(kind), "pndm or plms")) {
    parity.pndm_unguarded = true;
    parity.pndm_of_v = model.prediction == Prediction::kV;
  }
  const bool says_variance = ancestral && options.variance == Variance::kLearned;
  parity.plain_variance =
      switches.on(&S::learned, says_variance, "ddpm of a network whose variance is learned");
  parity.end_noise = switches.on(&S::end_noise, ancestral, "ddpm");
  const bool says_mean = ancestral && model.prediction == Prediction::kMean;
  if (switches.on(&S::mean, says_mean, "ddpm of a network that predicts the mean")) {
    options.clip_x0 = false;
  }
  if (switches.values().rounding == "truncate") {
    DDPM_CHECK(command == "sample" || flags.switches.rounding == kOfParity, command,
               ": --rounding belongs to the images of ddpm sample; pictures are to be looked at");
    chain.rounding = Rounding::kTruncated;
  }
  const bool has_weights = strides || ancestral || is_dpm(kind);
  const char* those = "ddpm, ddim, pndm, plms, dpmpp_1s, dpmpp_2m or dpmpp_2m_sde";
  if (switches.on(&S::tables, has_weights, those)) use_float32(command, model, kind, parity);
  DDPM_CHECK(has_weights || flags.parity == "none", command, ": --parity ", flags.parity,
             " belongs to --sampler ", those, ", got --sampler ", to_string(kind));
  use_parity(parity, options);
}

}  // namespace ddpm
