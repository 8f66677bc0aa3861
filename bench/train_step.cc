// The time of training steps, one for each line of the standard input, so that another program's
// steps can be taken in turn with them: bench/README.md.
//
// The step is the learner's own: noise, forward, loss, backward, clipping, Adam, average.

#include <algorithm>
#include <chrono>
#include <iomanip>
#include <iostream>
#include <string>
#include <vector>

#include "ddpm/base/batch.h"
#include "ddpm/base/check.h"
#include "ddpm/base/text.h"
#include "ddpm/cli_torch/device.h"
#include "ddpm/config/presets.h"
#include "ddpm/random/stream.h"
#include "ddpm/training_torch/torch_learner.h"
#include "ddpm/unet/parameters.h"

namespace ddpm {
namespace {

struct Options {
  TrainConfig config = preset("cifar10");
  int64_t threads = 0;  // 0: as many as there are cores
  bool channels_last = true;
};

int64_t positive(const std::string& flag, const std::string& text) {
  const auto number = parse_int(text);
  DDPM_CHECK(number && *number > 0, "train_step: ", flag, " wanted a positive number, got '", text,
             "'");
  return *number;
}

Options options_of(const std::vector<std::string>& arguments) {
  Options options;
  options.config.batch_size = 16;
  for (size_t i = 0; i < arguments.size(); i += 2) {
    const std::string& flag = arguments[i];
    DDPM_CHECK(i + 1 < arguments.size(), "train_step: ", flag, " wanted a value, got none");
    const std::string& value = arguments[i + 1];
    if (flag == "--preset") {
      options.config = preset(value);
      options.config.batch_size = 16;
    } else if (flag == "--batch-size") {
      options.config.batch_size = positive(flag, value);
    } else if (flag == "--threads") {
      options.threads = positive(flag, value);
    } else if (flag == "--precision") {
      DDPM_CHECK(value == "fp32" || value == "bf16",
                 "train_step: --precision wanted fp32 or bf16, got '", value, "'");
      options.config.precision = value_named(kPrecisions, "train_step: --precision", value);
    } else if (flag == "--layout") {
      DDPM_CHECK(value == "channels-last" || value == "contiguous",
                 "train_step: --layout wanted channels-last or contiguous, got '", value, "'");
      options.channels_last = value == "channels-last";
    } else {
      throw InvalidArgument(concat(
          "train_step: wanted --preset, --batch-size, --threads, --precision or --layout, got '",
          flag, "'"));
    }
  }
  return options;
}

int run(const std::vector<std::string>& arguments) {
  const auto [config, threads, channels_last] = options_of(arguments);
  set_threads(threads);
  const UNetConfig unet =
      unet_config_of(config, std::max<int64_t>(config.channels, 1), config.height, config.width);
  TorchLearner learner(config, unet, at::kCPU);
  learner.trained_network().use_channels_last(channels_last);
  Batch x0({config.batch_size, unet.image_channels, unet.height, unet.width});
  fill_normal({1, Purpose::kTest, 0}, x0.values());
  std::cout << "ready " << count_parameters(unet) << std::endl;
  std::string line;
  for (int64_t samples = 0; std::getline(std::cin, line); samples += config.batch_size) {
    const auto began = std::chrono::steady_clock::now();
    const StepReport report = learner.step(x0, samples);
    const std::chrono::duration<double> took = std::chrono::steady_clock::now() - began;
    std::cout << std::setprecision(6) << took.count() << ' ' << report.loss << std::endl;
  }
  return 0;
}

}  // namespace
}  // namespace ddpm

int main(int argc, char** argv) {
  try {
    return ddpm::run({argv + 1, argv + argc});
  } catch (const ddpm::InvalidArgument& error) {
    std::cerr << error.what() << '\n';
    return 2;
  } catch (const std::exception& error) {
    std::cerr << "train_step: " << error.what() << '\n';
    return 1;
  }
}
