#include "ddpm/unet/call.h"

#include <string>

#include "ddpm/base/check.h"

namespace ddpm {

void check_call_shapes(const UNetConfig& config, const BatchShape& x, int64_t timesteps,
                       const BatchShape& output) {
  const BatchShape wanted{x.images, config.image_channels, config.height, config.width};
  DDPM_CHECK(x == wanted, "network: x must have the shape ", wanted, ", got ", x);
  const BatchShape answer{x.images, config.output_channels(), config.height, config.width};
  DDPM_CHECK(output == answer, "network: output must have the shape ", answer, ", got ", output);
  DDPM_CHECK(timesteps == x.images, "network: wanted one timestep an image, ", x.images, ", got ",
             timesteps);
}

void check_learned_time(const UNetConfig& config, int64_t timestep) {
  DDPM_CHECK(config.learned_times == 0 || (timestep >= 0 && timestep < config.learned_times),
             "network: its learned times are 0 to ", config.learned_times - 1,
             ", got the timestep ", timestep);
}

void check_label(const UNetConfig& config, int64_t label) {
  if (config.classes == 0) {
    DDPM_CHECK(label == kNoLabel, "network: it has no classes, got the label ", label);
  } else {
    DDPM_CHECK(label >= 0 && label < config.classes, "network: wanted a label in 0 to ",
               config.classes - 1, ", its classes, got ",
               label == kNoLabel ? "none" : std::to_string(label));
  }
}

}  // namespace ddpm
