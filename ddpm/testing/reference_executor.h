// For tests: the network's graph carried out in float64, each operator by its definition.
//
// One image at a time, an array of its own for every activation, row-major without blocks, plain
// loops over the weights as the checkpoint has them. It shares with the engine the graph and the
// sinusoids, whose rounding belongs to their definition, and nothing else.

#pragma once

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <map>
#include <string>
#include <utility>
#include <vector>

#include "ddpm/engine/packed_matrix.h"
#include "ddpm/engine/time_embedding.h"
#include "ddpm/kernels/elementwise.h"
#include "ddpm/unet/graph.h"
#include "ddpm/unet/parameters.h"

namespace ddpm {

// An activation: [channels][height][width].
struct PlainArray {
  PlainArray() : PlainArray(ValueShape{0, 0, 0}) {}
  explicit PlainArray(const ValueShape& of)
      : shape(of), values(static_cast<size_t>(of.channels * of.pixels()), 0.0) {}

  double& at(int64_t c, int64_t pixel) {
    return values.at(static_cast<size_t>(c * shape.pixels() + pixel));
  }
  double at(int64_t c, int64_t pixel) const {
    return values.at(static_cast<size_t>(c * shape.pixels() + pixel));
  }
  // 0 outside of the image.
  double at(int64_t c, int64_t row, int64_t column) const {
    const bool inside = row >= 0 && row < shape.height && column >= 0 && column < shape.width;
    return inside ? at(c, row * shape.width + column) : 0.0;
  }

  ValueShape shape;
  std::vector<double> values;
};

// A linear layer, or the kernels of a convolution: [out][in] or [out][in][side][side], and a bias.
struct PlainLayer {
  std::vector<double> weights;
  std::vector<double> bias;

  double weight(int64_t index) const { return weights.at(static_cast<size_t>(index)); }
  double offset(int64_t out) const { return bias.at(static_cast<size_t>(out)); }
};

// A convolution of kernels of `side` pixels without its bias: y(r, c) is the sum around
// x(stride r, stride c), `padding` pixels above and to the left.
inline PlainArray convolved(const PlainArray& x, const PlainLayer& layer, const ValueShape& to,
                            int64_t side, int64_t stride, int64_t padding) {
  PlainArray y(to);
  const int64_t in = x.shape.channels;
  for (int64_t o = 0; o < to.channels; ++o) {
    for (int64_t pixel = 0; pixel < to.pixels(); ++pixel) {
      const int64_t row = pixel / to.width * stride, column = pixel % to.width * stride;
      double sum = 0.0;
      for (int64_t i = 0; i < in; ++i) {
        for (int64_t tap = 0; tap < side * side; ++tap) {
          sum += layer.weight((o * in + i) * side * side + tap) *
                 x.at(i, row + tap / side - padding, column + tap % side - padding);
        }
      }
      y.at(o, pixel) = sum;
    }
  }
  return y;
}

// Each pixel four times.
inline PlainArray doubled(const PlainArray& x) {
  PlainArray y({x.shape.channels, 2 * x.shape.height, 2 * x.shape.width});
  for (int64_t c = 0; c < y.shape.channels; ++c) {
    for (int64_t i = 0; i < y.shape.pixels(); ++i) {
      y.at(c, i) = x.at(c, i / y.shape.width / 2, i % y.shape.width / 2);
    }
  }
  return y;
}

// The mean of 2x2 pixels.
inline PlainArray halved(const PlainArray& x) {
  PlainArray y({x.shape.channels, x.shape.height / 2, x.shape.width / 2});
  for (int64_t c = 0; c < y.shape.channels; ++c) {
    for (int64_t i = 0; i < y.shape.pixels(); ++i) {
      const int64_t row = i / y.shape.width * 2, column = i % y.shape.width * 2;
      y.at(c, i) = (x.at(c, row, column) + x.at(c, row, column + 1) + x.at(c, row + 1, column) +
                    x.at(c, row + 1, column + 1)) /
                   4.0;
    }
  }
  return y;
}

inline PlainArray concatenated(const std::vector<const PlainArray*>& parts) {
  ValueShape shape = parts.front()->shape;
  shape.channels = 0;
  PlainArray y(shape);
  for (const PlainArray* part : parts) {
    y.shape.channels += part->shape.channels;
    y.values.insert(y.values.end(), part->values.begin(), part->values.end());
  }
  return y;
}

// y [out] of x [in].
inline std::vector<double> linear(const PlainLayer& layer, const std::vector<double>& x) {
  std::vector<double> y = layer.bias;
  for (size_t o = 0; o < y.size(); ++o) {
    for (size_t i = 0; i < x.size(); ++i) y[o] += layer.weights.at(o * x.size() + i) * x[i];
  }
  return y;
}

inline void silu_all(std::vector<double>& values) {
  for (double& value : values) value = silu_reference(value);
}

class ReferenceExecutor {
 public:
  ReferenceExecutor(const UNetConfig& config, const TensorSource& tensors)
      : graph_(build_graph(config)) {
    for (const NamedShape& parameter : unet_parameters(config)) {
      const std::vector<float> values = tensors(parameter.name);
      tensors_[parameter.name] = std::vector<double>(values.begin(), values.end());
    }
  }

  // Of one image [C, H, W]; `label` means nothing to a network without classes.
  std::vector<double> predict(const float* x, int64_t timestep, int64_t label) {
    x_ = x;
    compute_projections(timestep, label);
    values_.assign(graph_.values.size(), PlainArray());
    for (const Operator& op : graph_.operators) {
      std::visit([&](const auto& it) { run(it); }, op);
    }
    return output_;
  }

 private:
  PlainLayer layer(const std::string& name) const {
    return {tensors_.at(name + ".weight"), tensors_.at(name + ".bias")};
  }
  const ValueShape& shape(ValueId id) const { return graph_.value(id); }
  PlainArray& value(ValueId id) { return values_.at(static_cast<size_t>(id)); }
  // The outputs of a projection of the time embedding.
  const std::vector<double>& projection(TimeId id) const {
    return projections_.at(static_cast<size_t>(id));
  }

  // Row `row` of a table [rows][channels].
  std::vector<double> row_of(const std::string& table, int64_t row, int64_t channels) const {
    const auto begin = tensors_.at(table).begin() + row * channels;
    return {begin, begin + channels};
  }

  void compute_projections(int64_t timestep, int64_t label) {
    const TimeEmbeddingOperator& time = graph_.time;
    std::vector<double> embedding;
    if (time.learned_times > 0) {
      embedding = row_of("time_proj.weight", timestep, time.base_channels);
    } else {
      const auto waves =
          sinusoids(timestep, time.base_channels, time.frequency_shift, time.cosine_first);
      embedding.assign(waves.begin(), waves.end());
    }
    embedding = linear(layer("time_embedding.linear_1"), embedding);
    silu_all(embedding);
    embedding = linear(layer("time_embedding.linear_2"), embedding);
    if (time.classes > 0) {
      const auto row = row_of("class_embedding.weight", label, time.channels);
      for (size_t i = 0; i < row.size(); ++i) embedding[i] += row[i];
    }
    silu_all(embedding);
    projections_.clear();
    for (const TimeProjection& one : graph_.projections) {
      projections_.push_back(linear(layer(one.name), embedding));
    }
  }

  void run(const EntryOperator& it) {
    PlainArray x({it.image_channels, shape(it.y).height, shape(it.y).width});
    for (size_t i = 0; i < x.values.size(); ++i) {
      const auto pixel = static_cast<double>(x_[i]);
      x.values[i] = it.center ? 2.0 * pixel - 1.0 : pixel;
    }
    value(it.y) = convolved(x, layer(it.name), shape(it.y), 3, 1, 1);
    add_bias(layer(it.name).bias, it.y);
  }

  void run(const ConvolutionOperator& it) {
    const bool halves = it.resize == Resize::kHalf;
    const PlainArray x = it.resize == Resize::kDouble ? doubled(value(it.x)) : value(it.x);
    value(it.y) =
        convolved(x, layer(it.name), shape(it.y), 3, halves ? 2 : 1, halves ? it.padding : 1);
    add_bias(layer(it.name).bias, it.y);
    if (it.time != kNoTime) add_bias(projection(it.time), it.y);
    add_residual(it.residual, it.divisor, it.y);
  }

  void run(const PointwiseOperator& it) {
    value(it.y) = convolved(value(it.x), layer(it.name), shape(it.y), 1, 1, 0);
    add_bias(layer(it.name).bias, it.y);
  }

  void add_bias(const std::vector<double>& bias, ValueId y) {
    for (int64_t c = 0; c < shape(y).channels; ++c) {
      for (int64_t i = 0; i < shape(y).pixels(); ++i) {
        value(y).at(c, i) += bias.at(static_cast<size_t>(c));
      }
    }
  }
  void add_residual(ValueId residual, double divisor, ValueId y) {
    PlainArray& sum = value(y);
    for (size_t i = 0; i < sum.values.size(); ++i) {
      if (residual != kNoValue) sum.values[i] += value(residual).values.at(i);
      sum.values[i] /= divisor;
    }
  }

  void run(const NormOperator& it) {
    PlainArray x = value(it.x);
    const int64_t together = x.shape.channels / it.groups;
    for (int64_t group = 0; group < it.groups; ++group) standardise(x, group, together, it.epsilon);
    const PlainLayer affine = layer(it.name);
    for (int64_t c = 0; c < x.shape.channels; ++c) {
      for (int64_t i = 0; i < x.shape.pixels(); ++i) {
        double y = x.at(c, i) * affine.weight(c) + affine.offset(c);
        if (it.time != kNoTime) {
          const std::vector<double>& time = projection(it.time);  // [scale, shift]
          const auto channel = static_cast<size_t>(c);
          y = y * (1.0 + time.at(channel)) +
              time.at(static_cast<size_t>(x.shape.channels) + channel);
        }
        x.at(c, i) = it.silu ? silu_reference(y) : y;
      }
    }
    value(it.y) = std::move(x);
  }

  // Mean 0 and variance 1, but for epsilon, over the channels of a group.
  static void standardise(PlainArray& x, int64_t group, int64_t together, double epsilon) {
    const auto begin = static_cast<size_t>(group * together * x.shape.pixels());
    const auto count = static_cast<size_t>(together * x.shape.pixels());
    double mean = 0.0, variance = 0.0;
    for (size_t i = 0; i < count; ++i) mean += x.values.at(begin + i);
    mean /= static_cast<double>(count);
    for (size_t i = 0; i < count; ++i) {
      variance += (x.values[begin + i] - mean) * (x.values[begin + i] - mean);
    }
    variance /= static_cast<double>(count);
    for (size_t i = 0; i < count; ++i) {
      x.values[begin + i] = (x.values[begin + i] - mean) / std::sqrt(variance + epsilon);
    }
  }

  void run(const AttentionOperator& it) {
    const PlainArray& x = value(it.x);
    const ValueShape inner{it.heads * it.head_channels, x.shape.height, x.shape.width};
    PlainArray qkv[3];
    const char* names[] = {".to_q", ".to_k", ".to_v"};
    for (size_t i = 0; i < 3; ++i) {
      const PlainLayer one = layer(it.name + names[i]);
      qkv[i] = convolved(x, one, inner, 1, 1, 0);
      for (int64_t c = 0; c < inner.channels; ++c) {
        for (int64_t p = 0; p < inner.pixels(); ++p) qkv[i].at(c, p) += one.offset(c);
      }
    }
    PlainArray mixed(inner);
    for (int64_t head = 0; head < it.heads; ++head) {
      mix_head(qkv, head * it.head_channels, it.head_channels, mixed);
    }
    const PlainLayer last = layer(it.name + ".to_out.0");
    value(it.y) = convolved(mixed, last, shape(it.y), 1, 1, 0);
    add_bias(last.bias, it.y);
    add_residual(it.residual, it.divisor, it.y);
  }

  // softmax(q k / sqrt(channels)) v of the channels from `first` on.
  static void mix_head(const PlainArray (&qkv)[3], int64_t first, int64_t channels,
                       PlainArray& mixed) {
    const int64_t positions = mixed.shape.pixels();
    std::vector<double> scores(static_cast<size_t>(positions));
    for (int64_t t = 0; t < positions; ++t) {
      for (int64_t j = 0; j < positions; ++j) {
        double sum = 0.0;
        for (int64_t c = first; c < first + channels; ++c) sum += qkv[0].at(c, t) * qkv[1].at(c, j);
        scores[static_cast<size_t>(j)] = sum / std::sqrt(static_cast<double>(channels));
      }
      softmax_reference(scores.data(), positions);
      for (int64_t c = first; c < first + channels; ++c) {
        for (int64_t j = 0; j < positions; ++j) {
          mixed.at(c, t) += scores[static_cast<size_t>(j)] * qkv[2].at(c, j);
        }
      }
    }
  }

  void run(const ResizeOperator& it) {
    value(it.y) = it.resize == Resize::kDouble ? doubled(value(it.x)) : halved(value(it.x));
  }
  void run(const ConcatOperator& it) {
    std::vector<const PlainArray*> parts;
    for (const ValueId id : it.x) parts.push_back(&value(id));
    value(it.y) = concatenated(parts);
  }
  void run(const ExitOperator& it) { output_ = value(it.x).values; }

  Graph graph_;
  std::map<std::string, std::vector<double>> tensors_;
  const float* x_ = nullptr;
  std::vector<std::vector<double>> projections_;
  std::vector<PlainArray> values_;
  std::vector<double> output_;
};

}  // namespace ddpm
