// Any text is a run's log, with some lines that cannot be read; the lines that count are read again
// as the same.

#include <cstddef>
#include <cstdint>
#include <string_view>

#include "ddpm/base/check.h"
#include "ddpm/runlog/run_log.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  const ddpm::RunLog log =
      ddpm::parse_run_log(std::string_view(reinterpret_cast<const char*>(data), size));
  const std::string text = ddpm::comparable(log);
  DDPM_ASSERT(ddpm::comparable(ddpm::parse_run_log(text)) == text);
  return 0;
}
