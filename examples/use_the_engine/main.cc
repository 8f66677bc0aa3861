// An image from a checkpoint, by 20 steps of DDIM on the CPU, without LibTorch.

#include <iostream>
#include <tuple>
#include <vector>

#include "ddpm/base/check.h"
#include "ddpm/base/file.h"
#include "ddpm/data/transform.h"
#include "ddpm/diffusers/model_files.h"
#include "ddpm/engine/engine_network.h"
#include "ddpm/formats/png.h"
#include "ddpm/sampling/sampler.h"
#include "ddpm/sampling/times.h"

int main(int argc, char** argv) try {
  if (argc != 3) {
    std::cerr << "use_the_engine: wanted a checkpoint and the name of the PNG file to write\n";
    return 2;
  }
  const ddpm::ModelConfig model = ddpm::read_model_config(std::filesystem::path(argv[1]));
  const ddpm::Schedule schedule = ddpm::make_schedule(model.schedule);
  const ddpm::NoisePredictor predictor(ddpm::open_engine_network(argv[1]), schedule,
                                       model.prediction, model.unet.learned_variance);
  const std::vector<int64_t> times =
      ddpm::times_for(ddpm::Spacing::kTrailing, model.schedule.T, 20);
  const std::vector<int64_t> indices = {0};  // image 0 of the seed
  constexpr uint64_t kSeed = 7;
  const auto& [channels, height, width] =
      std::tuple{model.unet.image_channels, model.unet.height, model.unet.width};
  ddpm::Batch x({1, channels, height, width});
  ddpm::fill_initial_noise(kSeed, indices, x);
  ddpm::run_sampler(predictor, times, {.kind = ddpm::SamplerKind::kDdim}, kSeed, indices, x);
  const ddpm::Image image = ddpm::to_image(x.image(0), channels, height, width);
  ddpm::write_file_whole(argv[2], ddpm::encode_png(image));
  std::cout << argv[2] << '\n';
  return 0;
} catch (const ddpm::Error& error) {
  std::cerr << error.what() << '\n';
  return 1;
}
