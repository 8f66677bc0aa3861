// Every log has a plot of its loss.

#include <cstddef>
#include <cstdint>
#include <string_view>

#include "ddpm/base/check.h"
#include "ddpm/plot/loss_plot.h"
#include "ddpm/runlog/run_log.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  const ddpm::RunLog log =
      ddpm::parse_run_log(std::string_view(reinterpret_cast<const char*>(data), size));
  DDPM_ASSERT(!ddpm::loss_plot_png(log).empty());
  return 0;
}
