// Tensors of another system's network as the parameters of ours.

#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <vector>

#include "ddpm/convert/settings.h"
#include "ddpm/convert/source_layout.h"
#include "ddpm/unet/config.h"
#include "ddpm/unet/parameters.h"

namespace ddpm {

// Where one parameter of ours is found: all of `theirs`, or the rows of one piece.
struct TensorSource {
  std::string theirs;  // behind the prefix; "" for the table of times, which is computed
  Piece piece = Piece::kWhole;
};

// One a parameter of unet_parameters, after every name and shape has been compared. Throws
// FormatError that lists at most ten tensors that are missing, left over or of another shape, and
// says how many there are. A convolution of one pixel may have one or two extents of 1 more than a
// linear layer, or none.
std::vector<TensorSource> tensor_sources(const StateDictionary& dictionary,
                                         const SourceLayout& layout, const UNetConfig& unet);

// The rows of one piece of a layer with 3 * channels rows, in our order: the channels of the first
// head, then those of the second. A weight has as many values a row as it has inputs, a bias one.
//   values    of all rows; a multiple of 3 * channels
//   channels  a multiple of heads
//   piece     not kWhole
std::vector<float> rows_of_piece(std::span<const float> values, int64_t channels, int64_t heads,
                                 QkvOrder order, Piece piece);

// The sinusoidal embedding of the times n * 1000 / T for n = 0 .. T - 1, [T, channels], computed in
// float32 as improved-diffusion does: cos(a_i) for each i < half, then sin(a_i), where half =
// channels / 2 and a_i = n * 1000 / T * e^(-i ln(10000) / half).
std::vector<float> rescaled_time_table(int64_t T, int64_t channels);

}  // namespace ddpm
