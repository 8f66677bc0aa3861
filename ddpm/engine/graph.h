// The network as a list of operations on activations, from its description alone.
//
// Each operation is one that the engine has kernels for: what follows a normalisation (SiLU), what
// is added behind a convolution (bias, time embedding, residual) belongs to it. The list is in the
// order of execution; every activation is written by one operation.

#pragma once

#include <cstdint>
#include <string>
#include <variant>
#include <vector>

#include "ddpm/unet/config.h"

namespace ddpm {

using ValueId = int64_t;
inline constexpr ValueId kNoValue = -1;

// One activation: channels in blocks of 16, see kernels/gemm.h.
struct ValueShape {
  int64_t channels;
  int64_t height;
  int64_t width;

  int64_t pixels() const { return height * width; }
  bool operator==(const ValueShape&) const = default;
};

// Channels of several activations one behind the other, which need not lie so: each but the last
// has a multiple of 16.
using ValueList = std::vector<ValueId>;

// What the time embedding says to a residual block: where its channels begin in a row of all.
struct TimeSlot {
  std::string name;  // of the linear layer, "…time_emb_proj"
  int64_t channels;  // that it gives
  int64_t offset;    // in a row, a multiple of 16
  std::string bias;  // of the convolution that it is added to, folded in; "" for scale and shift
};

inline constexpr int64_t kNoSlot = -1;

// From the image to the first activation: a 3x3 convolution with padding 1.
struct EntryOperation {
  std::string name;
  bool center;  // of 2 x - 1
  ValueId y;
};

// A 3x3 convolution.
struct ConvolutionOperation {
  enum class Size { kSame, kHalf, kDouble };

  std::string name;
  ValueId x;
  ValueId y;
  Size size = Size::kSame;
  int64_t padding = 1;          // of kHalf: 0 is below and to the right, 1 around
  int64_t slot = kNoSlot;       // its bias comes with the time
  ValueId residual = kNoValue;  // added
  double divisor = 1.0;         // of the sum
};

// A 1x1 convolution, with bias.
struct PointwiseOperation {
  std::string name;
  ValueList x;
  ValueId y;
};

struct NormOperation {
  std::string name;
  ValueList x;
  ValueId y;
  int64_t groups;
  double epsilon;
  bool silu;
  int64_t slot = kNoSlot;  // a scale and a shift of the time
};

// Attention between the pixels, its four linear layers included; y = (residual + ..) / divisor.
struct AttentionOperation {
  std::string name;
  ValueId x;
  ValueId residual;
  ValueId y;
  int64_t heads;
  int64_t head_channels;
  double divisor = 1.0;
};

// A mean of 2x2 pixels, or each pixel four times.
struct ResizeOperation {
  ValueId x;
  ValueId y;
  bool doubles;
};

// Channels one behind the other, copied, for lists that have a part of no multiple of 16.
struct JoinOperation {
  ValueList x;
  ValueId y;
};

// The image's channels of the last activation.
struct ExitOperation {
  ValueId x;
};

using Operation =
    std::variant<EntryOperation, ConvolutionOperation, PointwiseOperation, NormOperation,
                 AttentionOperation, ResizeOperation, JoinOperation, ExitOperation>;

struct Graph {
  std::vector<ValueShape> values;
  std::vector<Operation> operations;
  std::vector<TimeSlot> slots;
  int64_t time_row = 0;  // values of a row of all slots

  const ValueShape& value(ValueId id) const { return values.at(static_cast<size_t>(id)); }
  const TimeSlot& slot(int64_t number) const { return slots.at(static_cast<size_t>(number)); }
  int64_t channels_of(const ValueList& list) const;
};

// The activations that an operation reads, and the one that it writes; kNoValue for the exit.
std::vector<ValueId> inputs_of(const Operation& operation);
ValueId output_of(const Operation& operation);
std::string name_of(const Operation& operation);  // "down_blocks.0.resnets.0.conv1"

// Throws InvalidArgument as check_unet_config does.
Graph build_graph(const UNetConfig& config);

}  // namespace ddpm
