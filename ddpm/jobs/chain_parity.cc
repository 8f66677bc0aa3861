#include "ddpm/base/check.h"
#include "ddpm/base/text.h"
#include "ddpm/diffusion/float32_schedule.h"
#include "ddpm/jobs/chain.h"
#include "ddpm/parity/diffusers_plan.h"

namespace ddpm {

namespace {

// Whether a switch is on, and that changes this sampler. One that was given by its own flag has to.
class Switches {
 public:
  Switches(const std::string& command, const SamplerRequest& request, SamplerKind kind)
      : command_(command), request_(request), values_(switches_of(request)), kind_(kind) {}

  const ParitySwitches& values() const { return values_; }

  bool on(ParitySwitch value, bool has_it, const std::string& samplers) const {
    if (!values_.has(value)) return false;
    const ParitySwitchRow& row = row_of(value);
    DDPM_CHECK(has_it || !is_given(request_, value), command_, ": --", row.name, " ", row.theirs,
               " belongs to --sampler ", samplers, ", got --sampler ", to_string(kind_));
    return has_it;
  }

 private:
  const std::string& command_;
  const SamplerRequest& request_;
  ParitySwitches values_;
  SamplerKind kind_;
};

void use_float32(const std::string& command, const ModelConfig& model, SamplerKind kind,
                 Parity& parity) {
  DDPM_CHECK(model.prediction != Prediction::kMean, command,
             ": --tables f32 wants a network that predicts eps, x0 or v, got mean");
  parity.betas = float32_betas(model.schedule);
  parity.zero_snr_floor =
      diffusers_rule(kind) == DiffusersRule::kDpm && model.schedule.zero_terminal_snr;
}

}  // namespace

ParitySwitches switches_of(const SamplerRequest& request) {
  ParitySwitches switches = parity_of(request.parity);
  for (const ParitySwitchRow& row : parity_switches()) {
    const std::optional<bool>& given = request.switches[static_cast<size_t>(row.value)];
    if (given) switches.set(row.value, *given);
  }
  return switches;
}

std::string parity_text(const ParitySwitches& switches) {
  std::vector<std::string> others;
  for (const ParitySwitchRow& row : parity_switches()) {
    if (switches.has(row.value)) others.push_back(concat(row.name, " ", row.theirs));
  }
  return join(others, ", ");
}

void apply_parity(const std::string& command, const SamplerRequest& request,
                  const ModelConfig& model, Chain& chain) {
  SamplerOptions& options = chain.options;
  Parity& parity = chain.parity;
  const SamplerKind kind = options.kind;
  const Switches switches(command, request, kind);
  const DiffusersRule rule = diffusers_rule(kind);
  const bool pseudo = rule == DiffusersRule::kPndm;
  const bool strides = rule == DiffusersRule::kDdim || pseudo;
  const bool ancestral = rule == DiffusersRule::kDdpm;
  if (switches.on(ParitySwitch::kNextTime, strides,
                  samplers_by({DiffusersRule::kDdim, DiffusersRule::kPndm}))) {
    parity.stride = model.schedule.T / (std::ssize(chain.times) - 1);
  }
  options.rederive_eps = !switches.on(ParitySwitch::kEps, true, "");
  if (switches.on(ParitySwitch::kPndm, pseudo, samplers_by({DiffusersRule::kPndm}))) {
    parity.pndm_unguarded = true;
    parity.pndm_of_v = model.prediction == Prediction::kV;
  }
  const std::string ddpm = samplers_by({DiffusersRule::kDdpm});
  const bool learns_variance = ancestral && options.variance == Variance::kLearned;
  parity.plain_variance = switches.on(ParitySwitch::kLearned, learns_variance,
                                      ddpm + " of a network whose variance is learned");
  parity.end_noise = switches.on(ParitySwitch::kEndNoise, ancestral, ddpm);
  const bool predicts_mean = ancestral && model.prediction == Prediction::kMean;
  if (switches.on(ParitySwitch::kMean, predicts_mean,
                  ddpm + " of a network that predicts the mean")) {
    options.clip_x0 = false;
  }
  if (switches.values().has(ParitySwitch::kRounding)) {
    DDPM_CHECK(command == "sample" || !is_given(request, ParitySwitch::kRounding), command,
               ": --rounding belongs to the images of ddpm sample; pictures are to be looked at");
    chain.rounding = Rounding::kTruncated;
  }
  const bool has_tables = rule != DiffusersRule::kNone;
  const std::string those = samplers_with_a_rule();
  if (switches.on(ParitySwitch::kTables, has_tables, those)) {
    use_float32(command, model, kind, parity);
  }
  DDPM_CHECK(has_tables || request.parity == "none", command, ": --parity ", request.parity,
             " belongs to --sampler ", those, ", got --sampler ", to_string(kind));
  use_parity(parity, options);
}

}  // namespace ddpm
