#include "ddpm/diffusion/network.h"

#include <gtest/gtest.h>

#include <vector>

#include "ddpm/base/check.h"
#include "ddpm/testing/complaint.h"

namespace ddpm {
namespace {

constexpr BatchShape kShape{7, 1, 1, 2};

// Predicts x times the timestep plus the label, and keeps what it was asked.
class Recorder : public Network {
 public:
  explicit Recorder(int64_t most) : most_(most) {}

  void predict(const NetworkInput& input, BatchView output) override {
    asked.push_back(input.x.images());
    ASSERT_EQ(std::ssize(input.timesteps), input.x.images());
    for (int64_t i = 0; i < input.x.images(); ++i) {
      const auto image = static_cast<size_t>(i);
      const int64_t label = input.labels.empty() ? 0 : input.labels[image];
      for (size_t k = 0; k < 2; ++k) {
        output.image(i)[k] =
            input.x.image(i)[k] * static_cast<float>(input.timesteps[image].index) +
            static_cast<float>(label);
      }
    }
  }
  int64_t max_useful_batch() const override { return most_; }

  std::vector<int64_t> asked;

 private:
  int64_t most_;
};

std::vector<Timestep> rising_timesteps() {
  std::vector<Timestep> timesteps;
  for (int64_t i = 0; i < kShape.images; ++i) timesteps.push_back({i});
  return timesteps;
}

TEST(Network, SlicesPredictAsTheWholeWithoutALargerCall) {
  const std::vector<Timestep> timesteps = rising_timesteps();
  const std::vector<int64_t> labels = {0, 10, 20, 30, 40, 50, 60};
  Batch x(kShape);
  for (int64_t i = 0; i < 7; ++i) {
    x.image(i)[0] = 1.0F;
    x.image(i)[1] = static_cast<float>(i);
  }
  for (const bool labelled : {false, true}) {
    const auto network = std::make_shared<Recorder>(16);
    const NetworkPointer sliced = in_slices(network, 3);
    Batch output(kShape);
    const std::vector<int64_t> given = labelled ? labels : std::vector<int64_t>();
    sliced->predict({x, timesteps, given}, output);
    EXPECT_EQ(network->asked, (std::vector<int64_t>{3, 3, 1}));
    EXPECT_EQ(sliced->max_useful_batch(), 3);
    EXPECT_EQ(in_slices(network, 20)->max_useful_batch(), 16);
    for (int64_t i = 0; i < 7; ++i) {
      const auto label = static_cast<float>(labelled ? 10 * i : 0);
      EXPECT_EQ(output.image(i)[0], static_cast<float>(i) + label);
      EXPECT_EQ(output.image(i)[1], static_cast<float>(i * i) + label);
    }
  }
}

// They are cut before the network itself could count them.
TEST(Network, SlicesRefuseTimestepsAndLabelsOfAnotherCount) {
  const std::vector<Timestep> timesteps = rising_timesteps();
  const std::vector<int64_t> labels(6, 1);
  const NetworkPointer sliced = in_slices(std::make_shared<Recorder>(3), 3);
  const Batch x(kShape);
  Batch output(kShape);
  EXPECT_EQ(complaint<InvalidArgument>([&] {
              sliced->predict({x, std::span(timesteps).first(5)}, output);
            }),
            "network: expected one timestep per image, 7, got 5");
  EXPECT_EQ(complaint<InvalidArgument>([&] {
              sliced->predict({x, timesteps, labels}, output);
            }),
            "network: expected one label per image, 7, got 6");
}

TEST(Network, ALabelOfAllImagesReachesEachOfThem) {
  const std::vector<Timestep> timesteps = rising_timesteps();
  const NetworkPointer network = with_label(std::make_shared<Recorder>(3), 4);
  EXPECT_EQ(network->max_useful_batch(), 3);
  EXPECT_FALSE(network->has_vjp());
  const Batch x(kShape);
  Batch output(kShape);
  network->predict({x, timesteps}, output);
  for (const float value : output.values()) EXPECT_EQ(value, 4.0F);
  const std::vector<int64_t> labels(7, 1);
  EXPECT_EQ(complaint<InvalidArgument>([&] {
              network->predict({x, timesteps, labels}, output);
            }),
            "network: all images have the label 4, got labels");
}

TEST(Network, AFormulaIsCalledAsItIs) {
  const std::vector<Timestep> timesteps = rising_timesteps();
  Batch x(kShape), output(kShape), product(kShape);
  const NetworkPointer three = network_of(
      [](ConstBatchView, std::span<const Timestep>, BatchView y) { y.values()[0] = 3.0F; });
  three->predict({x, timesteps}, output);
  EXPECT_EQ(output.values()[0], 3.0F);
  EXPECT_FALSE(three->has_vjp());
  EXPECT_EQ(complaint<InvalidArgument>([&] {
              three->predict_vjp({x, timesteps}, x, output, product);
            }),
            "network: expected one with a vector-Jacobian product, got one without");
  const std::vector<int64_t> labels(7, 1);
  EXPECT_EQ(complaint<InvalidArgument>([&] {
              three->predict({x, timesteps, labels}, output);
            }),
            "network: a formula without classes, got labels");
}

// y = 2 x: the product is twice the cotangent.
TEST(Network, AFormulaWithItsProductPredictsToo) {
  const std::vector<Timestep> timesteps = rising_timesteps();
  const NetworkPointer twice =
      network_of([](ConstBatchView x, std::span<const Timestep>, ConstBatchView cotangent,
                    BatchView output, BatchView product) {
        for (size_t i = 0; i < x.values().size(); ++i) {
          output.values()[i] = 2.0F * x.values()[i];
          product.values()[i] = 2.0F * cotangent.values()[i];
        }
      });
  Batch x(kShape), cotangent(kShape), output(kShape), product(kShape);
  x.values()[5] = 1.5F;
  cotangent.values()[3] = 4.0F;
  EXPECT_TRUE(twice->has_vjp());
  twice->predict({x, timesteps}, output);
  EXPECT_EQ(output.values()[5], 3.0F);
  twice->predict_vjp({x, timesteps}, cotangent, output, product);
  EXPECT_EQ(product.values()[3], 8.0F);
  EXPECT_TRUE(with_label(twice, 1)->has_vjp());
  cotangent.values()[13] = 5.0F;
  in_slices(twice, 2)->predict_vjp({x, timesteps}, cotangent, output, product);
  EXPECT_EQ(product.values()[3], 8.0F);
  EXPECT_EQ(product.values()[13], 10.0F);
}

TEST(Network, NoFunctionAndNoNetworkAreRefused) {
  EXPECT_THROW(network_of(PredictFunction()), InvalidArgument);
  EXPECT_THROW(network_of(VjpFunction()), InvalidArgument);
  EXPECT_THROW(with_label(nullptr, 0), InvalidArgument);
  EXPECT_THROW(in_slices(nullptr, 1), InvalidArgument);
  EXPECT_THROW(in_slices(std::make_shared<Recorder>(3), 0), InvalidArgument);
}

}  // namespace
}  // namespace ddpm
