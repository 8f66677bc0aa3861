// Any text as one of the JSON files of a run or a checkpoint: read, or refused with a FormatError
// or an InvalidArgument; what is read is written back and read as the same.

#include <cstddef>
#include <cstdint>
#include <nlohmann/json.hpp>
#include <string>
#include <string_view>

#include "ddpm/base/check.h"
#include "ddpm/base/format_version.h"
#include "ddpm/base/json.h"
#include "ddpm/checkpoints/manifest.h"
#include "ddpm/checkpoints/state.h"
#include "ddpm/config/train_config.h"
#include "ddpm/diffusers/model_files.h"
#include "ddpm/diffusers/scheduler_config.h"

namespace {

void read_config(std::string_view text) {
  const ddpm::TrainConfig config =
      ddpm::train_config_from_json(ddpm::parse_json(text, "fuzz"), "fuzz");
  DDPM_ASSERT(ddpm::train_config_from_json(ddpm::train_config_to_json(config), "fuzz") == config);
  ddpm::check_train_config(config, "fuzz");
}

void read_state(std::string_view text) {
  ddpm::state_from_json(ddpm::parse_json(text, "fuzz"), {}, "fuzz");
}

void read_manifest(std::string_view text) {
  const ddpm::Manifest manifest = ddpm::parse_manifest(text, "fuzz");
  DDPM_ASSERT(ddpm::parse_manifest(ddpm::manifest_text(manifest), "fuzz") == manifest);
}

// The completed file says the same as the one that leaves things out.
void read_scheduler(std::string_view text) {
  const ddpm::ModelConfig model = ddpm::parse_scheduler(text, "fuzz");
  const ddpm::Json completed =
      ddpm::completed_scheduler_json(ddpm::scheduler_value(text, "fuzz"), "fuzz");
  const std::string whole = ddpm::scheduler_text(completed);
  DDPM_ASSERT(ddpm::scheduler_value(whole, "fuzz") == completed);
  ddpm::ModelConfig again = ddpm::parse_scheduler(whole, "fuzz");
  again.sampling.passed_over = model.sampling.passed_over;
  DDPM_ASSERT(again.sampling == model.sampling && again.schedule == model.schedule);
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  if (size == 0) return 0;
  constexpr void (*kReaders[])(std::string_view) = {read_config, read_state, read_manifest,
                                                    read_scheduler};
  const std::string_view text(reinterpret_cast<const char*>(data) + 1, size - 1);
  try {
    kReaders[data[0] % std::size(kReaders)](text);
  } catch (const ddpm::FormatError&) {
  } catch (const ddpm::NewerVersion&) {
  } catch (const ddpm::InvalidArgument&) {
  }
  return 0;
}
