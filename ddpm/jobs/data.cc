#include "ddpm/jobs/data.h"

namespace ddpm {

DataOptions data_of_network(const std::string& spec, Fit fit, double max_bad_files,
                            const UNetConfig& unet) {
  DataOptions options;
  options.spec = spec;
  options.height = unet.height;
  options.width = unet.width;
  options.channels = static_cast<int>(unet.image_channels);
  options.fit = fit;
  options.max_bad_share = max_bad_files;
  return options;
}

DataOptions for_few_images(DataOptions options) {
  constexpr int64_t kKeptBytes = int64_t{256} << 20;
  options.memory_limit_bytes = kKeptBytes;
  return options;
}

Dataset open_dataset(const DataOptions& options, const Watch& watch) {
  return open_dataset(options, [&watch](int64_t done, int64_t total) {
    give_up_if_stopped(watch);
    if (total == 0) return;
    // every image is looked at twice
    advance(watch, {.phase = JobPhase::kReading,
                    .unit = "images",
                    .done = static_cast<double>(done) / 2.0,
                    .total = total / 2});
  });
}

}  // namespace ddpm
