#include <gtest/gtest.h>

#include <cmath>

#include "ddpm/testing/onnx_interpreter.h"

namespace ddpm {

namespace {

// Sums over a window at each place: Conv of one group, and the mean of AveragePool.
struct Window {
  Ints kernel, strides, pads;  // pads: top, left, bottom, right

  int64_t extent(const Array& x, size_t axis) const {
    return (x.at(axis + 2) + pads[axis] + pads[axis + 2] - kernel[axis]) / strides[axis] + 1;
  }
  // f(value of x, place in the kernel) for each place of the kernel that lies in the image.
  template <typename F>
  void visit(const Array& x, int64_t plane, int64_t row, int64_t column, const F& f) const {
    for (int64_t i = 0; i < kernel[0]; ++i) {
      for (int64_t j = 0; j < kernel[1]; ++j) {
        const int64_t r = row * strides[0] + i - pads[0];
        const int64_t c = column * strides[1] + j - pads[1];
        if (r < 0 || r >= x.at(2) || c < 0 || c >= x.at(3)) continue;
        f(x.values[static_cast<size_t>((plane * x.at(2) + r) * x.at(3) + c)], i * kernel[1] + j);
      }
    }
  }
};

}  // namespace

Array conv(const Call& call) {
  const Array& x = call.x();
  const Array& w = *call.in.at(1);
  want(call.i("group") == 1 && call.ints("dilations") == Ints{1, 1} && w.at(1) == x.at(1) &&
           call.ints("kernel_shape") == Ints{w.at(2), w.at(3)} &&
           call.in.at(2)->shape == Ints{w.at(0)},
       call.node);
  const Window window{call.ints("kernel_shape"), call.ints("strides"), call.ints("pads")};
  Array y{{x.at(0), w.at(0), window.extent(x, 0), window.extent(x, 1)}, {}};
  const int64_t area = w.at(2) * w.at(3);
  for (int64_t n = 0; n < count_of(y.shape); ++n) {
    const int64_t column = n % y.at(3);
    const int64_t row = n / y.at(3) % y.at(2);
    const int64_t out = n / (y.at(2) * y.at(3)) % y.at(1);
    const int64_t image = n / (y.at(1) * y.at(2) * y.at(3));
    double sum = call.in.at(2)->values[static_cast<size_t>(out)];
    for (int64_t in = 0; in < x.at(1); ++in) {
      const int64_t first = (out * x.at(1) + in) * area;
      window.visit(x, image * x.at(1) + in, row, column, [&](double value, int64_t place) {
        sum += value * w.values[static_cast<size_t>(first + place)];
      });
    }
    y.values.push_back(static_cast<float>(sum));
  }
  return y;
}

Array average_pool(const Call& call) {
  const Array& x = call.x();
  const Window window{call.ints("kernel_shape"), call.ints("strides"), {0, 0, 0, 0}};
  Array y{{x.at(0), x.at(1), window.extent(x, 0), window.extent(x, 1)}, {}};
  for (int64_t n = 0; n < count_of(y.shape); ++n) {
    double sum = 0.0;
    window.visit(x, n / (y.at(2) * y.at(3)), n / y.at(3) % y.at(2), n % y.at(3),
                 [&](double value, int64_t) { sum += value; });
    y.values.push_back(static_cast<float>(sum / static_cast<double>(count_of(window.kernel))));
  }
  return y;
}

// Of nearest neighbours, with asymmetric coordinates and floor: y[i] = x[floor(i / scale)].
Array resize(const Call& call) {
  const auto word = [&](const char* name) {
    return call.attribute(name, AttributeType::kString).s;
  };
  want(word("mode") == "nearest" && word("nearest_mode") == "floor" &&
           word("coordinate_transformation_mode") == "asymmetric" && call.in.at(1) == nullptr,
       call.node);
  const Array& x = call.x();
  const Ints scales = call.integers(2);
  want(scales.size() == 4 && scales[0] == 1 && scales[1] == 1, call.node);
  Array y{{x.at(0), x.at(1), x.at(2) * scales[2], x.at(3) * scales[3]}, {}};
  for (int64_t n = 0; n < count_of(y.shape); ++n) {
    const int64_t row = n / y.at(3) % y.at(2) / scales[2];
    const int64_t column = n % y.at(3) / scales[3];
    const int64_t plane = n / (y.at(2) * y.at(3));
    y.values.push_back(x.values[static_cast<size_t>((plane * x.at(2) + row) * x.at(3) + column)]);
  }
  return y;
}

Array instance_normalization(const Call& call) {
  Array y = call.x();
  const int64_t size = product(y.shape, 2, y.shape.size());
  const double epsilon = call.attribute("epsilon", AttributeType::kFloat).f;
  for (int64_t n = 0; n < count_of(y.shape); n += size) {
    const auto first = y.values.begin() + n;
    double mean = 0.0;
    for (auto value = first; value != first + size; ++value) mean += *value / double(size);
    double variance = 0.0;
    for (auto value = first; value != first + size; ++value) {
      variance += (*value - mean) * (*value - mean) / double(size);
    }
    const auto channel = static_cast<size_t>(n / size % y.at(1));
    for (auto value = first; value != first + size; ++value) {
      *value = static_cast<float>((*value - mean) / std::sqrt(variance + epsilon) *
                                      call.in.at(1)->values.at(channel) +
                                  call.in.at(2)->values.at(channel));
    }
  }
  return y;
}

namespace {

Array run_one(const DecodedNode& node, const std::vector<Array>& inputs) {
  DecodedModel model;
  model.nodes = {node};
  Arrays given;
  for (size_t i = 0; i < inputs.size(); ++i) {
    if (!node.inputs[i].empty()) given[node.inputs[i]] = inputs[i];
  }
  return run_onnx(model, given).at("y");
}

DecodedAttribute ints(const Ints& values) { return {.type = AttributeType::kInts, .ints = values}; }
DecodedAttribute word(const std::string& text) {
  return {.type = AttributeType::kString, .s = text};
}

const Array kImage{{1, 1, 2, 2}, {1, 2, 3, 4}};

// Padding below and to the right: the kernel of ones sums what lies at, below and right of a pixel.
TEST(Interpreter, ConvPadsTopLeftBottomRight) {
  DecodedNode node{"c", "Conv", {"x", "w", "b"}, {"y"}, {}};
  node.attributes = {{"group", {.type = AttributeType::kInt, .i = 1}},
                     {"dilations", ints({1, 1})},
                     {"kernel_shape", ints({2, 2})},
                     {"strides", ints({1, 1})},
                     {"pads", ints({0, 0, 1, 1})}};
  const Array y = run_one(node, {kImage, {{1, 1, 2, 2}, {1, 1, 1, 1}}, {{1}, {10}}});
  EXPECT_EQ(y.shape, (Ints{1, 1, 2, 2}));
  EXPECT_EQ(y.values, (std::vector<float>{20, 16, 17, 14}));
}

TEST(Interpreter, ResizeRepeatsEachPixelAndAveragePoolUndoesIt) {
  DecodedNode twice{"r", "Resize", {"x", "", "s"}, {"y"}, {}};
  twice.attributes = {{"mode", word("nearest")},
                      {"nearest_mode", word("floor")},
                      {"coordinate_transformation_mode", word("asymmetric")}};
  const Array large = run_one(twice, {kImage, {}, {{4}, {1, 1, 2, 2}}});
  EXPECT_EQ(large.values, (std::vector<float>{1, 1, 2, 2, 1, 1, 2, 2, 3, 3, 4, 4, 3, 3, 4, 4}));
  DecodedNode mean{"a", "AveragePool", {"x"}, {"y"}, {}};
  mean.attributes = {{"kernel_shape", ints({2, 2})}, {"strides", ints({2, 2})}};
  EXPECT_EQ(run_one(mean, {large}).values, kImage.values);
}

// 1, 2, 3, 4 has the mean 2.5 and the variance 1.25.
TEST(Interpreter, InstanceNormalizationDividesByTheRootOfTheBiasedVariance) {
  DecodedNode node{"n", "InstanceNormalization", {"x", "s", "b"}, {"y"}, {}};
  node.attributes = {{"epsilon", {.type = AttributeType::kFloat, .f = 1.0F}}};
  const Array y = run_one(node, {kImage, {{1}, {3}}, {{1}, {7}}});
  EXPECT_EQ(y.values, (std::vector<float>{4, 6, 8, 10}));
}

}  // namespace
}  // namespace ddpm
