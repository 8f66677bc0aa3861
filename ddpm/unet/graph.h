// The network as a graph of operators over activations, built from its configuration alone.
//
// This is the only description of the U-Net. Everything else interprets it: the parameters and
// the work (unet/parameters.h, unet/work.h), the inference engine, the LibTorch network, the ONNX
// file and the reference executor of the tests. An interpreter visits the operators with
// std::visit and has one case for each; a missing case does not compile.
//
// An operator includes what follows it at once: the SiLU of a normalisation, the time embedding
// and the residual that are added to a convolution. Names are those of diffusers' modules.

#pragma once

#include <cstdint>
#include <string>
#include <variant>
#include <vector>

#include "ddpm/unet/config.h"

namespace ddpm {

// Number of an activation in its graph.
using ValueId = int64_t;
inline constexpr ValueId kNoValue = -1;

// An activation of one image: [channels, height, width].
struct ValueShape {
  int64_t channels;
  int64_t height;
  int64_t width;

  int64_t pixels() const { return height * width; }
  bool operator==(const ValueShape&) const = default;
};

// The linear layer between the time embedding (behind its SiLU) and one residual block.
struct TimeProjection {
  std::string name;  // "…time_emb_proj"
  int64_t channels;  // of the block
  bool scale_shift;  // two outputs per channel: [scale, shift]; false: one, which is added

  int64_t outputs() const { return (scale_shift ? 2 : 1) * channels; }
};

// Number of a projection in its graph.
using TimeId = int64_t;
inline constexpr TimeId kNoTime = -1;

inline constexpr int64_t kNoDropout = -1;

enum class Resize { kNone, kHalf, kDouble };

// From the image to the first activation: a 3x3 convolution with padding 1.
struct EntryOperator {
  std::string name;
  int64_t image_channels = 0;
  bool center = false;  // of 2 x - 1
  ValueId y = kNoValue;
};

// A 3x3 convolution with bias: y = (conv(x) + time + residual) / divisor.
struct ConvolutionOperator {
  std::string name;
  ValueId x = kNoValue;
  ValueId y = kNoValue;
  // kHalf: stride 2. kDouble: of x with each pixel repeated 2x2 times.
  Resize resize = Resize::kNone;
  int64_t padding = 1;    // of kHalf: 0 is one row below and one column to the right, 1 all around
  TimeId time = kNoTime;  // a projection without scale_shift
  ValueId residual = kNoValue;
  double divisor = 1.0;
};

// A 1x1 convolution with bias.
struct PointwiseOperator {
  std::string name;
  ValueId x = kNoValue;
  ValueId y = kNoValue;
};

// Group normalisation: y = dropout(silu(norm(x) (1 + scale) + shift)), of which all but norm is
// optional.
struct NormOperator {
  std::string name;
  ValueId x = kNoValue;
  ValueId y = kNoValue;
  int64_t groups = 1;
  double epsilon = 0.0;
  bool silu = false;
  TimeId time = kNoTime;         // a projection with scale_shift
  int64_t dropout = kNoDropout;  // number of the mask, in training
};

// Self-attention over all pixels with its four linear layers, to_q, to_k, to_v and to_out.0:
// y = (residual + to_out(softmax(q k^T / sqrt(head_channels)) v)) / divisor.
struct AttentionOperator {
  std::string name;
  ValueId x = kNoValue;
  ValueId residual = kNoValue;
  ValueId y = kNoValue;
  int64_t heads = 1;
  int64_t head_channels = 0;
  double divisor = 1.0;

  int64_t inner_channels() const { return heads * head_channels; }
};

// kHalf: the mean of each 2x2 pixels. kDouble: each pixel repeated 2x2 times.
struct ResizeOperator {
  std::string name;
  ValueId x = kNoValue;
  ValueId y = kNoValue;
  Resize resize = Resize::kNone;
};

// The channels of several activations, one after the other.
struct ConcatOperator {
  std::string name;
  std::vector<ValueId> x;
  ValueId y = kNoValue;
};

// The output of the network.
struct ExitOperator {
  ValueId x = kNoValue;
};

using Operator = std::variant<EntryOperator, ConvolutionOperator, PointwiseOperator, NormOperator,
                              AttentionOperator, ResizeOperator, ConcatOperator, ExitOperator>;

// The embedding of a timestep, and of a label where the network has classes:
// linear_2(silu(linear_1(e))) + class_embedding[label], where e is a row of a table of
// `learned_times` rows or, if that is 0, sinusoids (unet/embedding_frequencies.h).
struct TimeEmbeddingOperator {
  int64_t base_channels;
  int64_t channels;  // of the result
  int64_t learned_times;
  int64_t classes;  // 0: no labels
  int64_t frequency_shift;
  bool cosine_first;
};

// A top-level module of diffusers' UNet2DModel, such as "conv_in", "down_blocks.0" or "mid_block",
// and its output. That of "conv_norm_out" is the value before SiLU.
struct Module {
  std::string name;
  ValueId y = kNoValue;
};

// The operators are in an order of execution. Each activation is written by one operator.
struct Graph {
  TimeEmbeddingOperator time;
  std::vector<TimeProjection> projections;
  std::vector<ValueShape> values;
  std::vector<Operator> operators;
  std::vector<Module> modules;

  const ValueShape& value(ValueId id) const { return values.at(static_cast<size_t>(id)); }
  const TimeProjection& projection(TimeId id) const {
    return projections.at(static_cast<size_t>(id));
  }
};

// The activations that an operator reads, and the one that it writes; kNoValue for the exit.
std::vector<ValueId> inputs_of(const Operator& op);
ValueId output_of(const Operator& op);

// The module's name, such as "down_blocks.0.resnets.0.conv1"; "exit" for the exit.
std::string name_of(const Operator& op);

// The numbers of the first operator that writes a value and the last that reads it.
struct Lifetime {
  int64_t first;
  int64_t last;
};
std::vector<Lifetime> lifetimes_of(const Graph& graph);

// Throws InvalidArgument as check_unet_config does.
Graph build_graph(const UNetConfig& config);

// One function from several lambdas, for std::visit.
template <typename... Cases>
struct Overloaded : Cases... {
  using Cases::operator()...;
};
template <typename... Cases>
Overloaded(Cases...) -> Overloaded<Cases...>;

}  // namespace ddpm
