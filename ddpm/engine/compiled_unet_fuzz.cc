// The bytes choose a small network, its weights and one call: it is answered or refused, twice with
// the same bits, and a number that is none stays with its image.

#include <algorithm>
#include <array>
#include <bit>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <limits>
#include <span>
#include <string>
#include <vector>

#include "ddpm/base/check.h"
#include "ddpm/engine/compiled_unet.h"
#include "ddpm/unet/parameters.h"

namespace {

using ddpm::UNetConfig;

// The bytes one after the other, and zeros behind them.
class Bytes {
 public:
  Bytes(const uint8_t* data, size_t size) : left_(data, size) {}

  // In [0, below), below at most 256.
  int64_t below(int64_t limit) {
    if (left_.empty()) return 0;
    const int64_t value = left_.front() % limit;
    left_ = left_.subspan(1);
    return value;
  }
  int64_t among(int64_t least, int64_t most) { return least + below(most - least + 1); }
  bool coin() { return below(2) == 1; }
  uint32_t word() {
    uint32_t bits = 0;
    for (int i = 0; i < 4; ++i) bits = bits << 8 | static_cast<uint32_t>(below(256));
    return bits;
  }

 private:
  std::span<const uint8_t> left_;
};

ddpm::Resampling some_resampling(Bytes& bytes) {
  return bytes.coin() ? ddpm::Resampling::kResidualBlock : ddpm::Resampling::kConvolution;
}

// At most 3 levels of 24 channels and 16 pixels a side; not all of them are legal.
UNetConfig some_config(Bytes& bytes) {
  UNetConfig config;
  config.image_channels = bytes.among(0, 4);
  config.norm_groups = bytes.among(1, 4);
  config.levels.clear();
  for (int64_t levels = bytes.among(1, 3); levels > 0; --levels) {
    config.levels.push_back({.channels = bytes.below(8) > 0 ? config.norm_groups * bytes.among(1, 6)
                                                            : bytes.among(1, 24),
                             .attention_down = bytes.below(4) == 0,
                             .attention_up = bytes.below(4) == 0,
                             .down = some_resampling(bytes),
                             .up = some_resampling(bytes)});
  }
  const int64_t unit = int64_t{1} << (config.level_count() - 1);
  config.height = unit * bytes.among(1, 4);
  config.width = bytes.below(8) > 0 ? unit * bytes.among(1, 4) : bytes.among(1, 16);
  config.blocks_per_level = bytes.among(1, 2);
  config.norm_epsilon = bytes.coin() ? 1e-6 : 1e-30;
  config.learned_variance = bytes.coin();
  config.middle_attention = bytes.coin();
  config.middle_attention_groups = bytes.below(4);
  config.middle_scale = bytes.coin() ? 1.0 : 1e-5;
  config.head_channels = bytes.below(9);
  config.scale_shift = bytes.coin();
  config.downsample_padding = bytes.below(2);
  config.center_input = bytes.coin();
  config.time_channels = bytes.below(20);
  config.cosine_first = bytes.coin();
  config.frequency_shift = bytes.below(3);
  config.learned_times = bytes.below(4) == 0 ? bytes.among(1, 4) : 0;
  config.classes = bytes.below(4);
  return config;
}

// Numbers that are ordinary but for every `seldom`-th, which is one of these.
class Numbers {
 public:
  explicit Numbers(Bytes& bytes) : state_(bytes.word()), seldom_(bytes.among(0, 255)) {
    constexpr float kInfinity = std::numeric_limits<float>::infinity();
    constexpr float kLargest = std::numeric_limits<float>::max();
    constexpr std::array<float, 8> kOdd = {
        std::numeric_limits<float>::quiet_NaN(),  kInfinity, -kInfinity, kLargest, -kLargest,
        std::numeric_limits<float>::denorm_min(), 1e-38F,    -0.0F};
    odd_ = kOdd[static_cast<size_t>(bytes.below(8))];
    if (bytes.below(4) == 0) odd_ = std::bit_cast<float>(bytes.word());
    scale_ = bytes.coin() ? 1.0F : bytes.coin() ? 1e18F : 1e-30F;
  }

  std::vector<float> take(int64_t count) {
    std::vector<float> values;
    for (int64_t i = 0; i < count; ++i) values.push_back(next());
    return values;
  }

 private:
  float next() {
    state_ = state_ * 6364136223846793005U + 1442695040888963407U;
    const auto high = static_cast<int32_t>(state_ >> 33) - (int32_t{1} << 30);
    if (seldom_ > 0 && (state_ >> 20) % (static_cast<uint64_t>(seldom_) * 40) == 0) return odd_;
    return scale_ * static_cast<float>(high) * 0x1.0p-31F;
  }

  uint64_t state_;
  int64_t seldom_;  // 0: never
  float odd_;
  float scale_;
};

// One call.
struct Call {
  int64_t n;
  std::vector<float> x;
  std::vector<int64_t> timesteps;
  std::vector<int64_t> labels;
  int64_t threads;
};

Call some_call(const UNetConfig& config, Bytes& bytes) {
  Call call{.n = bytes.among(1, 5), .x = {}, .timesteps = {}, .labels = {}, .threads = 1};
  call.threads = bytes.among(1, 3);
  for (int64_t i = 0; i < call.n; ++i) {
    const int64_t time = bytes.below(16);
    const int64_t times = config.learned_times > 0 ? config.learned_times : 14;
    call.timesteps.push_back(time < 14    ? time % times
                             : time == 14 ? -1
                                          : static_cast<int64_t>(bytes.word()));
    if (config.classes > 0) {
      const int64_t label = bytes.below(16);
      call.labels.push_back(label < 15 ? label % config.classes : config.classes);
    }
  }
  call.x = Numbers(bytes).take(call.n * config.image_channels * config.height * config.width);
  return call;
}

std::vector<float> answer(ddpm::CompiledUNet& engine, const Call& call, int64_t first, int64_t n) {
  const UNetConfig& config = engine.config();
  const int64_t pixels = config.height * config.width;
  std::vector<float> output(static_cast<size_t>(n * config.output_channels() * pixels));
  engine.predict(call.x.data() + first * config.image_channels * pixels,
                 call.timesteps.data() + first,
                 call.labels.empty() ? nullptr : call.labels.data() + first, n, output.data());
  return output;
}

bool same_bits(std::span<const float> a, std::span<const float> b) {
  return a.size() == b.size() && std::memcmp(a.data(), b.data(), a.size_bytes()) == 0;
}

// The bits of a NaN depend on which of two an instruction takes first, and nothing else does.
bool same_numbers(std::span<const float> a, std::span<const float> b) {
  return std::equal(a.begin(), a.end(), b.begin(), b.end(), [](float x, float y) {
    return (std::isnan(x) && std::isnan(y)) ||
           std::bit_cast<uint32_t>(x) == std::bit_cast<uint32_t>(y);
  });
}

void run(Bytes& bytes) {
  const UNetConfig config = some_config(bytes);
  ddpm::check_unet_config(config);
  const Call call = some_call(config, bytes);
  const auto paths = ddpm::available_cpu_paths();
  const ddpm::EngineOptions options{
      .at_once = 4,  // 5 that may be asked for are two slices
      .threads = call.threads,
      .precision = bytes.coin() ? ddpm::Precision::kBFloat16 : ddpm::Precision::kFloat32,
      .kept_times = bytes.below(3),
      .most_transformed = bytes.below(2) << 30,
      .path = paths[static_cast<size_t>(bytes.below(std::ssize(paths)))]};
  Numbers numbers(bytes);
  std::vector<std::pair<std::string, std::vector<float>>> weights;
  for (const ddpm::NamedShape& one : ddpm::unet_parameters(config)) {
    weights.emplace_back(one.name, numbers.take(one.count()));
  }
  ddpm::CompiledUNet engine(
      config,
      [&](const std::string& name) {
        return std::find_if(weights.begin(), weights.end(),
                            [&](const auto& one) { return one.first == name; })
            ->second;
      },
      options);
  const std::vector<float> first = answer(engine, call, 0, call.n);
  DDPM_ASSERT(same_bits(answer(engine, call, 0, call.n), first));
  const int64_t image = std::ssize(first) / call.n;
  for (int64_t i = 0; i < call.n; ++i) {
    const std::vector<float> alone = answer(engine, call, i, 1);
    DDPM_ASSERT(same_numbers(alone, std::span(first).subspan(static_cast<size_t>(i * image),
                                                             static_cast<size_t>(image))));
  }
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  Bytes bytes(data, size);
  try {
    run(bytes);
  } catch (const ddpm::InvalidArgument&) {
  }
  return 0;
}
