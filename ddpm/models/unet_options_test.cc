// What the options of a network mean where diffusers is no judge: errors, dropout, initial values.

#include <ATen/ATen.h>
#include <gtest/gtest.h>

#include <memory>
#include <string>
#include <vector>

#include "ddpm/base/check.h"
#include "ddpm/models/autocast.h"
#include "ddpm/models/dropout.h"
#include "ddpm/models/torch_network.h"
#include "ddpm/models/unet.h"
#include "ddpm/random/stream.h"
#include "ddpm/tensor/convert.h"
#include "ddpm/testing/complaint.h"

namespace ddpm {
namespace {

UNetConfig tiny_config() {
  UNetConfig config;
  config.image_channels = 1;
  config.height = config.width = 4;
  config.levels = {{.channels = 8}, {.channels = 8}};
  config.blocks_per_level = 1;
  config.norm_groups = 4;
  return config;
}

std::shared_ptr<UNet> random_network(const UNetConfig& config) {
  auto network = std::make_shared<UNet>(config);
  ParameterValues values;
  for (const NamedTensor& parameter : network->parameters().all()) {
    values.emplace_back(static_cast<size_t>(parameter.value.numel()));
    fill_normal({3, Purpose::kTest, values.size()}, values.back());
  }
  network->parameters().copy_from(values);
  return network;
}

Tensor normal(const UNetConfig& config, int64_t images) {
  Batch batch({images, config.image_channels, config.height, config.width});
  fill_normal({4, Purpose::kTest, 0}, batch.values());
  return to_tensor(batch, at::kCPU);
}

Tensor integers(const std::vector<int64_t>& values) { return to_tensor(values, at::kCPU); }

// A network's output for one image at one time.
std::vector<float> predicted(const NetworkPointer& network, const UNetConfig& config,
                             int64_t timestep) {
  Batch x({1, config.image_channels, config.height, config.width});
  fill_normal({4, Purpose::kTest, 0}, x.values());
  Batch y(x.shape());
  const std::vector<Timestep> timesteps = {{timestep}};
  network->predict({x, timesteps}, y);
  return {y.values().begin(), y.values().end()};
}

TEST(Classes, ABoundLabelIsTheLabelOfEachImage) {
  UNetConfig config = tiny_config();
  config.classes = 3;
  const auto unet = random_network(config);
  const NetworkPointer network =
      with_label(make_torch_network(unet, at::kCPU, Precision::kFloat32), 2);
  const Tensor wanted =
      unet->forward(normal(config, 1), integers({9}), {.labels = integers({2})}).flatten();
  const Tensor other =
      unet->forward(normal(config, 1), integers({9}), {.labels = integers({1})}).flatten();
  const auto got = predicted(network, config, 9);
  Batch x({1, 1, 4, 4});
  fill_normal({4, Purpose::kTest, 0}, x.values());
  Batch y(x.shape());
  Batch product(x.shape());
  const std::vector<Timestep> timesteps = {{9}};
  network->predict_vjp({x, timesteps}, x, y, product);
  const double size = wanted.abs().max().item<double>();
  for (size_t i = 0; i < got.size(); ++i) {
    // the same sums, at most in another order
    EXPECT_NEAR(got[i], wanted[static_cast<int64_t>(i)].item<double>(), 1e-5 * size);
    EXPECT_NEAR(y.values()[i], got[i], 1e-5 * size);
  }
  EXPECT_GT((wanted - other).abs().max().item<double>(), 1e-3 * size) << "labels matter";
}

TEST(Classes, ALabelIsThereJustWhereTheNetworkHasClasses) {
  const auto without = random_network(tiny_config());
  UNetConfig config = tiny_config();
  config.classes = 3;
  const auto with = random_network(config);
  const Batch image({1, 1, 4, 4});
  Batch output(image.shape()), product(image.shape());
  const std::vector<Timestep> timesteps = {{1}};
  const auto call = [&](const std::shared_ptr<UNet>& unet, const std::vector<int64_t>& labels) {
    const NetworkPointer network = make_torch_network(unet, at::kCPU, Precision::kFloat32);
    const NetworkInput input{image, timesteps, labels};
    const std::string error = complaint<InvalidArgument>([&] { network->predict(input, output); });
    EXPECT_EQ(
        complaint<InvalidArgument>([&] { network->predict_vjp(input, image, output, product); }),
        error);
    return error;
  };
  EXPECT_EQ(call(without, {}), "");
  EXPECT_EQ(call(with, {0}), "");
  EXPECT_EQ(call(without, {0}), "network: it has no classes, got the label 0");
  EXPECT_EQ(call(with, {3}), "network: expected a label in 0 to 2, its classes, got 3");
  EXPECT_EQ(call(with, {-1}), "network: expected a label in 0 to 2, its classes, got -1");
  EXPECT_EQ(call(with, {}), "network: expected one label per image, 1, got 0");
  EXPECT_EQ(call(with, {0, 1}), "network: expected one label per image, 1, got 2");
  const Tensor x = normal(config, 1);
  EXPECT_EQ(complaint<InvalidArgument>([&] { with->forward(x, integers({1})); }),
            "network: expected one label per image, got none");
  EXPECT_EQ(complaint<InvalidArgument>(
                [&] { without->forward(x, integers({1}), {.labels = integers({1})}); }),
            "network: expected no labels, got some");
}

TEST(LearnedTimes, ATimestepBehindTheTableIsAnError) {
  UNetConfig config = tiny_config();
  config.learned_times = 10;
  const auto network = make_torch_network(random_network(config), at::kCPU, Precision::kFloat32);
  EXPECT_NE(predicted(network, config, 9), predicted(network, config, 8));
  EXPECT_EQ(complaint<InvalidArgument>([&] { predicted(network, config, 10); }),
            "network: its learned times are 0 to 9, got the timestep 10");
}

// What `part` gives if of all blocks only this one adds something: the mask of its dropout alone,
// since its norm2 says 1 and its conv2 copies.
Tensor mask_of(const UNetConfig& config, const std::string& block, const std::string& part,
               const DropoutKey& key) {
  const UNet network(config);  // all parameters are 0
  network.parameters().at(block + ".norm2.bias").fill_(1.0);
  const Tensor copy = network.parameters().at(block + ".conv2.weight");
  for (int64_t c = 0; c < copy.size(0); ++c) copy[c][c][1][1] = 1.0;
  Tensor seen;
  network.forward(normal(config, 2), integers({1, 2}),
                  {.dropout = key, .observe = [&](std::string_view name, const Tensor& h) {
                     if (name == part) seen = h / at::silu(at::ones({}));
                   }});
  return seen;
}

// A mask is named by the number of its block, so these numbers are part of what a seed means.
TEST(Dropout, ResamplingBlocksAreNumberedBehindAllOthers) {
  UNetConfig plain = tiny_config();
  plain.dropout = 0.5;
  UNetConfig config = plain;
  config.levels[0].down = config.levels[1].up = Resampling::kResidualBlock;
  const DropoutKey key{1, 40};
  const auto expect = [&](const UNetConfig& network, const char* block, const char* part,
                          int64_t number) {
    const Tensor got = mask_of(network, block, part, key);
    const Tensor wanted = dropout(at::ones(got.sizes()), 0.5, key, number);
    EXPECT_LT((got - wanted).abs().max().item<double>(), 1e-6) << block;
  };
  for (const UNetConfig& network : {plain, config}) {
    expect(network, "down_blocks.1.resnets.0", "down_blocks.1", 1);
    expect(network, "mid_block.resnets.0", "mid_block", 2);
    expect(network, "up_blocks.1.resnets.1", "up_blocks.1", 7);
  }
  expect(config, "down_blocks.0.downsamplers.0", "down_blocks.0", 8);
  expect(config, "up_blocks.0.upsamplers.0", "up_blocks.0", 10);
}

TEST(Initialise, TablesBeginStandardNormalAndResamplingBlocksAsTheirResampling) {
  UNetConfig config = tiny_config();
  config.classes = 1000;
  config.learned_times = 1000;
  config.levels[0].down = Resampling::kResidualBlock;
  UNet network(config);
  network.initialise(1);
  for (const char* name : {"time_proj.weight", "class_embedding.weight"}) {
    const Tensor table = network.parameters().at(name);
    // at least 8000 numbers: five standard errors are 0.056 of a mean and 0.079 of a variance
    EXPECT_NEAR(table.mean().item<double>(), 0.0, 0.056) << name;
    EXPECT_NEAR(table.var().item<double>(), 1.0, 0.079) << name;
  }
  // beside its shortcut each block adds 1e-5 at most: conv_in's result comes down as its mean
  Tensor entered;
  Tensor below;
  network.forward(normal(config, 1), integers({5}),
                  {.labels = integers({7}), .observe = [&](std::string_view part, const Tensor& h) {
                     if (part == "conv_in") entered = h;
                     if (part == "down_blocks.0") below = h;
                   }});
  EXPECT_LT((below - at::avg_pool2d(entered, 2)).abs().max().item<double>(),
            1e-4 * entered.abs().max().item<double>());
}

TEST(UNet, UnderBFloat16ScaleAndShiftAreAppliedInFloat32) {
  UNetConfig config = tiny_config();
  config.scale_shift = true;
  config.head_channels = 4;
  config.levels[0].down = config.levels[1].up = Resampling::kResidualBlock;
  const auto network = random_network(config);
  const Tensor x = normal(config, 2);
  const Tensor exact = network->forward(x, integers({1, 2}));
  const AutocastBFloat16 autocast(at::kCPU);
  Tensor normalised;
  const Tensor rough = network->forward(x, integers({1, 2}),
                                        {.observe = [&](std::string_view part, const Tensor& h) {
                                          if (part == "conv_norm_out") normalised = h;
                                        }});
  EXPECT_EQ(normalised.scalar_type(), at::kFloat);
  EXPECT_TRUE(at::isfinite(rough).all().item<bool>());
  EXPECT_GT((rough.to(at::kFloat) - exact).abs().max().item<double>(), 0.0);
}

}  // namespace
}  // namespace ddpm
