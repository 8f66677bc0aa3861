// 3x3 convolutions by Winograd's algorithm: F(4x4, 3x3) and F(2x2, 3x3).
//
// An output tile of m x m pixels is A^T [ (G g G^T) * (B^T d B) ] A, where d is the input tile of
// n x n = (m + 2) x (m + 2) pixels and g the kernel: n^2 products in place of 9 m^2. The matrices
// are those of Toom and Cook, with what they divide by in A, so that G has the points' powers only.
// The points are
//   F(2x2)   0, 1, -1 and infinity
//   F(4x4)   0, 3/4, -3/4, 3/2, -3/2 and infinity
// of which the second loses half the digits of the usual 0, +-1, +-2; docs/engine.md has the
// measurement. [Lavin and Gray, arXiv:1509.09308; Barabasz et al., arXiv:1803.10986]
//
// Between the transforms lie n^2 products of matrices, one a point: V_p [tiles][channels in] by
// U_p [channels in][channels out]. Everything is in blocks of 16 channels, see gemm.h.

#pragma once

#include <cstdint>
#include <vector>

#include "ddpm/kernels/gemm.h"

namespace ddpm {

inline constexpr int64_t kTaps = 9;  // of a kernel

enum class WinogradTile { kF2, kF4 };

constexpr int64_t output_extent(WinogradTile tile) { return tile == WinogradTile::kF4 ? 4 : 2; }
constexpr int64_t input_extent(WinogradTile tile) { return output_extent(tile) + 2; }
constexpr int64_t point_count(WinogradTile tile) { return input_extent(tile) * input_extent(tile); }

// The tiles of a batch: image by image, row by row; those at the right and lower edge may stick
// out.
struct TileGrid {
  WinogradTile tile;
  int64_t images;
  int64_t height;  // of the output, pixels
  int64_t width;

  int64_t rows() const { return (height + output_extent(tile) - 1) / output_extent(tile); }
  int64_t columns() const { return (width + output_extent(tile) - 1) / output_extent(tile); }
  int64_t tiles_per_image() const { return rows() * columns(); }
  int64_t tiles() const { return images * tiles_per_image(); }
};

// V of the tiles [first, first + count) and one block of 16 channels.
//   x       float32 [images][height][width][16]; with `doubled` [images][height / 2][width /
//   2][16],
//           of which each pixel stands for 2x2
//   v       point p begins at v + p * point_stride: [count][16]; float32, or bfloat16
// Pixels outside of the image are 0. v overlaps nothing.
//
// bfloat16 numbers of F(4x4), here and of the kernels, are rounded so that the error of one is made
// up for by its neighbours, see winograd_tiles_internal.h; those of F(2x2) are the nearest.
struct WinogradInput {
  TileGrid grid;
  bool doubled;
  const float* x;
  int64_t first;
  int64_t count;
  float* v;              // one of the two
  uint16_t* v_bf16;      // nullptr: float32
  int64_t point_stride;  // values
};

// y of the same tiles: divided by nothing, (A^T m A + bias + residual) * scale.
//   m         point p begins at m + p * point_stride: [count][16]
//   bias      image i has its 16 at bias + i * bias_stride; a stride of 0 is one for all
//   residual  [images][height][width][16], nullptr for none; may be y
struct WinogradOutput {
  TileGrid grid;
  const float* m;
  int64_t point_stride;
  int64_t first;
  int64_t count;
  const float* bias;
  int64_t bias_stride;
  const float* residual;
  float scale;
  float* y;
};

// U = G g G^T of one panel of kernels.
//   taps     float32 [k][9][columns], see pack_taps
//   k        a multiple of 2
//   columns  16 or 32
//   u        point p begins at u + p * point_stride: a panel of gemm.h, of one number type
struct WinogradWeights {
  WinogradTile tile;
  const float* taps;
  int64_t k;
  int64_t columns;
  float* u;              // one of the two
  uint16_t* u_bf16;      // nullptr: float32
  int64_t point_stride;  // values
};

// The 3x3 kernels of one panel of 32 output channels, of weights [channels_out][channels_in][3][3],
// as the transform reads them: [16 * blocks_of(channels_in)][9][columns of the panel], filled up
// with 0.
void pack_taps(const float* weights, int64_t channels_out, int64_t channels_in, int64_t panel,
               float* taps);

// The definition of what they do together, in float64: a 3x3 convolution with padding 1 around, of
// x [images][height][width][channels in], weights as above; the result has no bias.
std::vector<double> convolution_reference(const std::vector<double>& x,
                                          const std::vector<double>& weights, int64_t images,
                                          int64_t height, int64_t width, int64_t channels_in,
                                          int64_t channels_out);

}  // namespace ddpm
