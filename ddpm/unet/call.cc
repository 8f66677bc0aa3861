#include "ddpm/unet/call.h"

#include "ddpm/base/check.h"

namespace ddpm {

void check_call_shapes(const UNetConfig& config, const BatchShape& x, int64_t timesteps,
                       const BatchShape& output) {
  const BatchShape wanted{x.images, config.image_channels, config.height, config.width};
  DDPM_CHECK(x == wanted, "network: x must have the shape ", wanted, ", got ", x);
  const BatchShape answer{x.images, config.output_channels(), config.height, config.width};
  DDPM_CHECK(output == answer, "network: output must have the shape ", answer, ", got ", output);
  DDPM_CHECK(timesteps == x.images, "network: expected one timestep per image, ", x.images,
             ", got ", timesteps);
}

void check_learned_time(const UNetConfig& config, int64_t timestep) {
  DDPM_CHECK(config.learned_times == 0 || (timestep >= 0 && timestep < config.learned_times),
             "network: its learned times are 0 to ", config.learned_times - 1,
             ", got the timestep ", timestep);
}

void check_labels(const UNetConfig& config, std::span<const int64_t> labels, int64_t images) {
  if (config.classes == 0) {
    DDPM_CHECK(labels.empty(), "network: it has no classes, got the label ", labels.front());
    return;
  }
  DDPM_CHECK(std::ssize(labels) == images, "network: expected one label per image, ", images,
             ", got ", labels.size());
  for (const int64_t label : labels) {
    DDPM_CHECK(label >= 0 && label < config.classes, "network: expected a label in 0 to ",
               config.classes - 1, ", its classes, got ", label);
  }
}

}  // namespace ddpm
