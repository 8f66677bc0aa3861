// Any text as a config.json: read, or refused with a FormatError; what is read is written back and
// read as the same network.

#include <cstddef>
#include <cstdint>
#include <nlohmann/json.hpp>
#include <stdexcept>
#include <string_view>

#include "ddpm/base/check.h"
#include "ddpm/unet/config.h"
#include "ddpm/unet/parameters.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  const std::string_view text(reinterpret_cast<const char*>(data), size);
  try {
    const ddpm::UNetConfig config =
        ddpm::unet_config_from_json(ddpm::parse_json(text, "fuzz"), "fuzz");
    DDPM_ASSERT(ddpm::unet_config_from_json(ddpm::unet_config_to_json(config), "fuzz") == config);
    DDPM_ASSERT(ddpm::count_parameters(config) > 0);
  } catch (const ddpm::FormatError&) {
  }
  return 0;
}
