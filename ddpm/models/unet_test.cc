#include "ddpm/models/unet.h"

#include <ATen/ATen.h>
#include <gtest/gtest.h>

#include <cmath>

#include "ddpm/base/check.h"
#include "ddpm/models/autocast.h"
#include "ddpm/models/time_embedding.h"
#include "ddpm/models/torch_network.h"
#include "ddpm/random/stream.h"
#include "ddpm/tensor/convert.h"
#include "ddpm/testing/known_number.h"
#include "ddpm/unet/parameters.h"

namespace ddpm {
namespace {

UNetConfig small_config() {
  UNetConfig config;
  config.image_channels = 1;
  config.height = 8;
  config.width = 12;
  config.levels = {{.channels = 8}, {.channels = 16, .attention_down = true, .attention_up = true}};
  config.blocks_per_level = 1;
  config.norm_groups = 4;
  config.dropout = 0.25;
  return config;
}

// Every parameter random, those that begin at zero or one too: a part that is left out would show.
void randomise(UNet& network, uint64_t seed) {
  ParameterValues values;
  for (const NamedTensor& parameter : network.parameters().all()) {
    std::vector<float> numbers(static_cast<size_t>(parameter.value.numel()));
    fill_normal({seed, Purpose::kTest, values.size()}, numbers);
    const bool norm_weight = parameter.value.dim() == 1 &&
                             parameter.name.find("norm") != std::string::npos &&
                             parameter.name.find(".weight") != std::string::npos;
    const double fan = parameter.value.dim() > 1
                           ? static_cast<double>(parameter.value.numel() / parameter.value.size(0))
                           : 4.0;
    for (float& number : numbers) {
      number = static_cast<float>(number / std::sqrt(fan)) + (norm_weight ? 1.0F : 0.0F);
    }
    values.push_back(std::move(numbers));
  }
  network.parameters().copy_from(values);
}

Tensor images(const UNetConfig& config, int64_t n, uint64_t seed = 5) {
  Batch batch({n, config.image_channels, config.height, config.width});
  fill_normal({seed, Purpose::kTest, 1000}, batch.values());
  return to_tensor(batch, at::kCPU);
}

Tensor times(std::initializer_list<int64_t> values) {
  return to_tensor(std::vector<int64_t>(values), at::kCPU);
}

double largest(const Tensor& tensor) { return tensor.abs().max().item<double>(); }

TEST(UNet, HasExactlyTheParametersOfItsDescription) {
  for (const UNetConfig& config : {small_config(), UNetConfig{}}) {
    const UNet network(config);
    const auto wanted = unet_parameters(config);
    ASSERT_EQ(network.parameters().all().size(), wanted.size());
    int64_t count = 0;
    for (size_t i = 0; i < wanted.size(); ++i) {
      EXPECT_EQ(network.parameters().all()[i].name, wanted[i].name);
      EXPECT_EQ(network.parameters().all()[i].value.sizes().vec(), wanted[i].shape);
      count += network.parameters().all()[i].value.numel();
    }
    EXPECT_EQ(count, count_parameters(config));
  }
}

TEST(UNet, EveryParameterMattersToTheOutput) {
  UNet network(small_config());
  randomise(network, 1);
  for (const NamedTensor& parameter : network.parameters().all()) {
    parameter.value.requires_grad_(true);
  }
  network.forward(images(small_config(), 2), times({3, 700})).square().sum().backward();
  for (const NamedTensor& parameter : network.parameters().all()) {
    ASSERT_TRUE(parameter.value.grad().defined()) << parameter.name;
    // adding one number to all keys of a position changes no softmax: the key's bias has no effect
    if (parameter.name.find("to_k.bias") != std::string::npos) continue;
    EXPECT_GT(largest(parameter.value.grad()), 1e-6) << parameter.name;
  }
}

TEST(UNet, TakesAnyChannelsAndSizesThatItsLevelsAllow) {
  for (const int64_t channels : {1, 3, 4}) {
    for (const auto& [height, width] : {std::pair<int64_t, int64_t>{8, 8}, {4, 10}, {16, 8}}) {
      UNetConfig config = small_config();
      config.image_channels = channels;
      config.height = height;
      config.width = width;
      config.levels[1].attention_down = config.levels[1].attention_up = false;
      UNet network(config);
      randomise(network, 2);
      const Tensor y = network.forward(images(config, 2), times({0, 5}));
      EXPECT_EQ(y.sizes().vec(), (std::vector<int64_t>{2, channels, height, width}));
      EXPECT_TRUE(at::isfinite(y).all().item<bool>());
    }
  }
}

TEST(UNet, AnImagesResultDependsOnNoOtherImage) {
  UNet network(small_config());
  randomise(network, 3);
  const Tensor x = images(small_config(), 3);
  const Tensor all = network.forward(x, times({10, 200, 990}));
  const Tensor one = network.forward(x.narrow(0, 1, 1), times({200}));
  // rounding alone: float32 sums in another order, here of at most a few hundred terms
  EXPECT_LT(largest(all.narrow(0, 1, 1) - one), 2e-5 * largest(all));
}

TEST(UNet, TheMemoryOrderAndThePrecisionChangeOnlyTheRounding) {
  UNet network(small_config());
  randomise(network, 4);
  const Tensor x = images(small_config(), 2);
  const Tensor t = times({10, 900});
  const Tensor last = network.forward(x, t);
  network.use_channels_last(false);
  const Tensor first = network.forward(x, t);
  network.parameters().to(at::kDouble);
  const Tensor exact = network.forward(x.to(at::kDouble), t);
  // float32 against float64 through some forty layers: 1e-5 is 80 roundings
  EXPECT_LT(largest(last - exact), 1e-5 * largest(exact));
  EXPECT_LT(largest(first - exact), 1e-5 * largest(exact));
}

TEST(UNet, ProductsInBFloat16AreNearAndNormalisationsStayWide) {
  UNet network(small_config());
  randomise(network, 6);
  const Tensor x = images(small_config(), 2);
  const Tensor exact = network.forward(x, times({10, 900}));
  Tensor rough;
  {
    const AutocastBFloat16 autocast(at::kCPU);
    rough = network.forward(x, times({10, 900}));
    const Layer norm(network.parameters(), "conv_norm_out");
    const Tensor h = at::ones({1, 8, 2, 2}, at::kBFloat16);
    EXPECT_EQ(group_norm(norm, h, /*groups=*/4, /*epsilon=*/1e-6).scalar_type(), at::kFloat);
  }
  // eight bits a factor: 0.4 % each, and some forty layers add up like the root of their number
  EXPECT_LT(largest(rough.to(at::kFloat) - exact), 0.1 * largest(exact));
  EXPECT_GT(largest(rough.to(at::kFloat) - exact), 1e-5 * largest(exact)) << "nothing was rounded";
  EXPECT_LT(largest(network.forward(x, times({10, 900})) - exact), 1e-6) << "the guard has ended";
}

TEST(UNet, ItsGradientIsThatOfFiniteDifferences) {
  UNet network(small_config());
  randomise(network, 7);
  network.parameters().to(at::kDouble);
  const Tensor x = images(small_config(), 2).to(at::kDouble);
  const Tensor t = times({10, 900});
  const DropoutKey key{11, 40};
  const auto loss = [&] { return network.forward(x, t, {.dropout = key}).square().mean(); };
  for (const char* name : {"conv_in.weight", "down_blocks.1.attentions.0.to_q.weight",
                           "mid_block.resnets.1.conv2.weight", "time_embedding.linear_1.bias",
                           "up_blocks.0.upsamplers.0.conv.weight", "conv_norm_out.weight"}) {
    const Tensor parameter = network.parameters().at(name);
    parameter.requires_grad_(true);
    loss().backward();
    const double analytic = parameter.grad().contiguous().flatten()[0].item<double>();
    parameter.requires_grad_(false);
    // the first number is the first in any memory order
    auto* number = parameter.mutable_data_ptr<double>();
    const double value = *number;
    constexpr double kStep = 1e-5;
    const auto loss_at = [&](double shifted) {
      *number = shifted;
      return loss().item<double>();
    };
    const double numeric = (loss_at(value + kStep) - loss_at(value - kStep)) / (2 * kStep);
    *number = value;
    // central differences: error of order step^2, and rounding 1e-16 / step
    EXPECT_NEAR(analytic, numeric, 1e-8 + 1e-6 * std::abs(numeric)) << name;
  }
}

TEST(UNet, WithoutADropoutKeyNothingIsDropped) {
  UNet network(small_config());
  randomise(network, 8);
  const Tensor x = images(small_config(), 2);
  const Tensor t = times({10, 900});
  EXPECT_TRUE(at::equal(network.forward(x, t), network.forward(x, t)));
  const Tensor dropped = network.forward(x, t, {.dropout = DropoutKey{1, 0}});
  EXPECT_TRUE(at::equal(dropped, network.forward(x, t, {.dropout = DropoutKey{1, 0}})));
  EXPECT_FALSE(at::equal(dropped, network.forward(x, t, {.dropout = DropoutKey{2, 0}})));
  EXPECT_FALSE(at::equal(dropped, network.forward(x, t)));
}

TEST(UNet, RefusesASizeThatItsLevelsDoNotDivide) {
  UNetConfig config = small_config();
  config.width = 9;
  EXPECT_THROW(UNet{config}, InvalidArgument);
}

TEST(Blocks, DownsamplingPadsBelowAndToTheRight) {
  UNetConfig config = small_config();
  UNet network(config);
  // a kernel that takes its lower right value: output (y, x) is input (2y + 2, 2x + 2), or the
  // border
  const Layer conv(network.parameters(), "down_blocks.0.downsamplers.0.conv");
  conv.weight.zero_();
  for (int64_t c = 0; c < 8; ++c) conv.weight[c][c][2][2] = 1.0;
  const Tensor x = at::arange(8 * 16, at::kFloat).reshape({1, 8, 4, 4}) + 1.0;
  const Tensor y = convolution({.name = "", .resize = Resize::kHalf, .padding = 0}, conv, x);
  EXPECT_EQ(y.sizes().vec(), (std::vector<int64_t>{1, 8, 2, 2}));
  EXPECT_EQ((y[0][0][0][0].item<double>()), (x[0][0][2][2].item<double>()));
  EXPECT_EQ((y[0][0][1][1].item<double>()), 0.0);
}

TEST(Blocks, AttentionIsTheSoftmaxOfScaledProducts) {
  UNetConfig config = small_config();
  UNet network(config);
  randomise(network, 9);
  network.use_channels_last(false);
  network.parameters().to(at::kDouble);
  const std::string prefix = "mid_block.attentions.0";
  const std::vector<Layer> layers =
      layers_of(AttentionOperator{.name = prefix}, network.parameters());
  const Tensor x = images(config, 1).to(at::kDouble).expand({2, 16, 8, 12}).narrow(2, 0, 4) *
                   at::arange(16, at::kDouble).reshape({1, 16, 1, 1});
  const Tensor h = x.flatten(2).transpose(1, 2);
  const auto project = [&](const Layer& layer) {
    return at::matmul(h, layer.weight.t()) + layer.bias;
  };
  const Tensor logits =
      at::matmul(project(layers[0]), project(layers[1]).transpose(1, 2)) / std::sqrt(16.0);
  const Tensor mixed = at::matmul(at::softmax(logits, -1), project(layers[2]));
  const Tensor out = at::matmul(mixed, layers[3].weight.t()) + layers[3].bias;
  const Tensor expected = out.transpose(1, 2).reshape(x.sizes());
  EXPECT_LT(largest(attention(layers, x, /*heads=*/1) - expected), 1e-12 * largest(expected));
}

TEST(TimeEmbedding, HasTheKnownValues) {
  // channels 128; entries 0, 1, 2, 63, 64, 65, 127
  const std::vector<int64_t> entries = {0, 1, 2, 63, 64, 65, 127};
  const std::vector<std::pair<int64_t, std::vector<double>>> known = {
      {0, {0, 0, 0, 0, 1, 1, 1}},
      {7, {.656986599, -.233101822, -.871303875, .0007, .753902254, .972452333, .999999755}},
      {999,
       {-.026460753, .726708826, -.921570176, .099733916, .999649853, -.686945619, .995014144}}};
  for (const auto& [n, values] : known) {
    const Tensor e = sinusoidal_embedding(times({n}), 128);
    for (size_t i = 0; i < entries.size(); ++i) {
      // float32 angles up to 999 have errors of 3e-5
      EXPECT_KNOWN(e[0][entries[i]].item<double>(), values[i], n == 999 ? 1e-4 : 1e-6)
          << n << ", " << entries[i];
    }
  }
  EXPECT_EQ(sinusoidal_embedding(times({3}), 9)[0][8].item<double>(), 0.0);
}

TEST(TimeEmbedding, RefusesTooFewChannelsAndAShiftThatLeavesNoFrequency) {
  EXPECT_THROW(sinusoidal_embedding(times({3}), 3), InvalidArgument);
  EXPECT_THROW(sinusoidal_embedding(times({3}), 8, /*frequency_shift=*/4), InvalidArgument);
  EXPECT_THROW(sinusoidal_embedding(times({3}), 8, /*frequency_shift=*/-1), InvalidArgument);
}

TEST(Initialise, DrawsFromTheStatedBoundsAndBeginsBlocksAsTheIdentity) {
  UNet network{UNetConfig{}};
  network.initialise(1);
  const auto& parameters = network.parameters();
  // bounds of the paper's initialisers at these shapes
  for (const auto& [name, bound] : std::vector<std::pair<std::string, double>>{
           {"down_blocks.0.resnets.0.conv1.weight", 0.05103103631},
           {"conv_in.weight", 0.07133763750},
           {"time_embedding.linear_1.weight", 0.09682458366},
           {"down_blocks.0.resnets.0.conv2.weight", 5.103103631e-7},
           {"conv_out.weight", 7.133763750e-7}}) {
    const Tensor value = parameters.at(name);
    EXPECT_LE(largest(value), bound * (1.0 + 1e-6)) << name;
    EXPECT_GT(largest(value), bound * 0.99) << name;
    // uniform: variance bound^2 / 3; with at least 3456 numbers 10 % are over five standard errors
    EXPECT_NEAR(value.var().item<double>(), bound * bound / 3.0, 0.1 * bound * bound / 3.0) << name;
  }
  EXPECT_EQ(largest(parameters.at("conv_in.bias")), 0.0);
  EXPECT_TRUE(at::equal(parameters.at("conv_norm_out.weight"), at::ones({128})));
  UNet again{UNetConfig{}};
  again.initialise(1);
  EXPECT_TRUE(at::equal(again.parameters().at("conv_in.weight"), parameters.at("conv_in.weight")));
  again.initialise(2);
  EXPECT_FALSE(at::equal(again.parameters().at("conv_in.weight"), parameters.at("conv_in.weight")));
}

TEST(Dropout, AMaskDependsOnTheSampleAndTheLayerAlone) {
  const Tensor ones = at::ones({4, 2, 3, 5});
  const Tensor all = dropout(ones, 0.3, {9, 100}, 7);
  for (int64_t i = 0; i < 4; ++i) {
    const Tensor one = dropout(ones.narrow(0, 0, 1), 0.3, {9, 100 + i}, 7);
    EXPECT_TRUE(at::equal(one, all.narrow(0, i, 1)));
  }
  EXPECT_TRUE(
      at::equal(dropout(ones.contiguous(at::MemoryFormat::ChannelsLast), 0.3, {9, 100}, 7), all));
  EXPECT_FALSE(at::equal(dropout(ones, 0.3, {9, 100}, 8), all));
}

TEST(Dropout, KeepsTheMeanAndDropsTheStatedShare) {
  constexpr int64_t kCount = 200000;
  const Tensor dropped = dropout(at::ones({1, 1, 1, kCount}), 0.1, {1, 0}, 0);
  const double zeros = (dropped == 0).sum().item<double>() / kCount;
  // binomial: standard deviation 6.7e-4; five of them, a false alarm in 2 million
  EXPECT_NEAR(zeros, 0.1, 3.4e-3);
  EXPECT_NEAR(dropped.mean().item<double>(), 1.0, 3.8e-3);
  EXPECT_NEAR(largest(dropped), 1.0 / 0.9, 2e-5) << "p is rounded to a multiple of 2^-16";
}

TEST(TorchNetwork, IsTheNetworkThatSamplersCall) {
  auto unet = std::make_shared<UNet>(small_config());
  randomise(*unet, 10);
  const NetworkPointer network = make_torch_network(unet, at::kCPU, Precision::kFloat32);
  Batch x({2, 1, 8, 12});
  fill_normal({1, Purpose::kTest, 0}, x.values());
  Batch y(x.shape());
  const std::vector<Timestep> timesteps = {{0}, {999}};
  network->predict({x, timesteps}, y);
  const Tensor wanted = unet->forward(to_tensor(x, at::kCPU), times({0, 999}));
  EXPECT_LT(largest(to_tensor(y, at::kCPU) - wanted), 1e-6 * largest(wanted));
  Batch small({2, 1, 8, 8});
  EXPECT_THROW(network->predict({small, timesteps}, small), InvalidArgument);
  EXPECT_THROW(network->predict({x, std::span(timesteps).first(1)}, y), InvalidArgument);
}

// Against the slope of the same network in float64 along one direction, by central differences:
// their error is step^2, 1e-8 here, and float32's own 1e-5 of the largest.
TEST(TorchVjp, IsTheSlopeOfTheNetworkInFloat64) {
  auto unet = std::make_shared<UNet>(small_config());
  randomise(*unet, 11);
  UNet exact(small_config());
  randomise(exact, 11);
  exact.parameters().to(at::kDouble);
  const NetworkPointer network = make_torch_network(unet, at::kCPU, Precision::kFloat32);
  EXPECT_TRUE(network->has_vjp());
  Batch x({2, 1, 8, 12});
  Batch cotangent(x.shape());
  Batch direction(x.shape());
  Batch y(x.shape());
  Batch product(x.shape());
  fill_normal({1, Purpose::kTest, 0}, x.values());
  fill_normal({1, Purpose::kTest, 1}, cotangent.values());
  const std::vector<Timestep> timesteps = {{3}, {700}};
  network->predict_vjp({x, timesteps}, cotangent, y, product);
  Batch plain(x.shape());
  network->predict({x, timesteps}, plain);
  for (size_t i = 0; i < y.values().size(); ++i) {
    EXPECT_NEAR(y.values()[i], plain.values()[i], 1e-5) << "the output is the network's";
  }
  const auto output_along = [&](double step) {
    const Tensor moved = to_tensor(x, at::kCPU).to(at::kDouble) +
                         step * to_tensor(direction, at::kCPU).to(at::kDouble);
    return (exact.forward(moved, times({3, 700})) * to_tensor(cotangent, at::kCPU))
        .sum({1, 2, 3})
        .detach();
  };
  for (uint64_t k = 0; k < 5; ++k) {
    fill_normal({1, Purpose::kTest, 2 + k}, direction.values());
    constexpr double kStep = 1e-4;
    const Tensor slope = (output_along(kStep) - output_along(-kStep)) / (2.0 * kStep);
    const Tensor got = (to_tensor(product, at::kCPU).to(at::kDouble) *
                        to_tensor(direction, at::kCPU).to(at::kDouble))
                           .sum({1, 2, 3});
    EXPECT_LT(largest(got - slope), 1e-4 * (1.0 + largest(slope))) << k;
    EXPECT_GT(largest(slope), 1e-2) << "there is a slope to be seen";
  }
  EXPECT_FALSE(unet->parameters().all()[0].value.grad().defined()) << "no parameter is touched";
  Batch small({2, 1, 8, 8});
  EXPECT_THROW(network->predict_vjp({x, timesteps}, cotangent, y, small), InvalidArgument);
  EXPECT_THROW(network->predict_vjp({x, timesteps}, small, y, product), InvalidArgument);
}

}  // namespace
}  // namespace ddpm
