// Any text is a run's log, with some lines that cannot be read; what counts of it is read again as
// the same, and has a plot.

#include <cstddef>
#include <cstdint>
#include <string_view>

#include "ddpm/base/check.h"
#include "ddpm/report/loss_plot.h"
#include "ddpm/report/run_log.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  const ddpm::RunLog log =
      ddpm::parse_run_log(std::string_view(reinterpret_cast<const char*>(data), size));
  const std::string text = ddpm::comparable(log);
  DDPM_ASSERT(ddpm::comparable(ddpm::parse_run_log(text)) == text);
  // a picture takes a hundred times as long as all else: of one text in sixteen
  if (size % 16 == 0) DDPM_ASSERT(!ddpm::loss_plot_png(log).empty());
  return 0;
}
