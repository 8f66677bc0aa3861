// Any text as model_index.json: refused with a FormatError, or a pipeline of a DDPM.

#include <cstddef>
#include <cstdint>
#include <string_view>

#include "ddpm/base/check.h"
#include "ddpm/diffusers/model_folder.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  const std::string_view text(reinterpret_cast<const char*>(data), size);
  try {
    const ddpm::ModelIndex index = ddpm::parse_model_index(text, "fuzz");
    DDPM_ASSERT(index.pipeline.ends_with("Pipeline") &&
                index.scheduler.empty() != index.scheduler_error.empty());
  } catch (const ddpm::FormatError&) {
  }
  return 0;
}
