// One prediction of a small network by the engine, for a tool that counts its instructions.

#include <cstdint>
#include <functional>
#include <iostream>
#include <map>
#include <string>
#include <vector>

#include "ddpm/base/check.h"
#include "ddpm/engine/compiled_unet.h"
#include "ddpm/unet/parameters.h"

namespace {

ddpm::UNetConfig small_network() {
  const std::vector<int64_t> multipliers = {1, 2}, attention = {8};
  ddpm::UNetConfig config;
  config.height = config.width = 16;
  config.levels = ddpm::paper_levels(32, multipliers, attention, 16);
  config.blocks_per_level = 1;
  return config;
}

// Numbers in [-0.1, 0.1]: which ones does not matter to how many instructions there are.
std::vector<float> numbers(int64_t count) {
  std::vector<float> values;
  uint32_t state = 1;
  for (int64_t i = 0; i < count; ++i) {
    state = state * 1664525U + 1013904223U;
    values.push_back(static_cast<float>(state >> 8) * 0x1.0p-24F * 0.2F - 0.1F);
  }
  return values;
}

}  // namespace

int main(int argc, char** argv) try {
  if (argc != 2) {
    std::cerr << "predict_once: wanted fp32 or bf16\n";
    return 2;
  }
  const ddpm::UNetConfig config = small_network();
  std::map<std::string, int64_t> counts;
  for (const ddpm::NamedShape& parameter : ddpm::unet_parameters(config)) {
    counts[parameter.name] = parameter.count();
  }
  ddpm::CompiledUNet engine(
      config, [&](const std::string& name) { return numbers(counts.at(name)); },
      {.at_once = 2,
       .threads = 1,
       .precision = ddpm::value_named(ddpm::kPrecisions, "predict_once", argv[1]),
       .path = ddpm::choose_cpu_path()});
  const std::vector<float> x = numbers(2 * 3 * 16 * 16);
  const std::vector<int64_t> timesteps = {10, 10};
  std::vector<float> output(x.size());
  engine.predict(x.data(), timesteps.data(), nullptr, 2, output.data());
  std::cout << output[0] << '\n';
  return 0;
} catch (const ddpm::Error& error) {
  std::cerr << error.what() << '\n';
  return 1;
}
