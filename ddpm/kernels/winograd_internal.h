// The transforms of winograd.h, over the vectors of the path that includes it.

#pragma once

#include "ddpm/kernels/winograd.h"

namespace ddpm {
namespace {

// One dimension of each transform.
struct F4 {
  static constexpr int kOut = 4;
  static constexpr int kIn = 6;
  static constexpr float kA = 0.75F, kB = 1.5F;  // the points 0, +-a, +-b, infinity
  static constexpr float kA2 = kA * kA, kB2 = kB * kB;

  // B^T d: the coefficients of prod over j != i of (x - p_j), a row for each point i.
  static void input(const F16 (&d)[kIn], F16 (&v)[kIn]) {
    const F16 a = broadcast(kA), b = broadcast(kB), a2 = broadcast(kA2), b2 = broadcast(kB2);
    const F16 sum = broadcast(kA2 + kB2), product = broadcast(kA2 * kB2);
    const F16 even_a = subtract_product(b2, d[2], d[4]), odd_a = subtract_product(b2, d[1], d[3]);
    const F16 even_b = subtract_product(a2, d[2], d[4]), odd_b = subtract_product(a2, d[1], d[3]);
    v[0] = multiply_add(product, d[0], subtract_product(sum, d[2], d[4]));
    v[1] = multiply_add(a, odd_a, even_a);
    v[2] = subtract_product(a, odd_a, even_a);
    v[3] = multiply_add(b, odd_b, even_b);
    v[4] = subtract_product(b, odd_b, even_b);
    v[5] = multiply_add(product, d[1], subtract_product(sum, d[3], d[5]));
  }
  // A^T m: row k has the points to the power k; infinity counts in the last.
  static void output(const F16 (&m)[kIn], F16 (&y)[kOut]) {
    const F16 even_a = m[1] + m[2], odd_a = m[1] - m[2];
    const F16 even_b = m[3] + m[4], odd_b = m[3] - m[4];
    y[0] = m[0] + even_a + even_b;
    y[1] = multiply_add(broadcast(kA), odd_a, broadcast(kB) * odd_b);
    y[2] = multiply_add(broadcast(kA2), even_a, broadcast(kB2) * even_b);
    y[3] = multiply_add(broadcast(kA2 * kA), odd_a, multiply_add(broadcast(kB2 * kB), odd_b, m[5]));
  }
};

struct F2 {
  static constexpr int kOut = 2;
  static constexpr int kIn = 4;

  static void input(const F16 (&d)[kIn], F16 (&v)[kIn]) {
    v[0] = d[0] - d[2];
    v[1] = d[1] + d[2];
    v[2] = d[2] - d[1];
    v[3] = d[1] - d[3];
  }
  static void output(const F16 (&m)[kIn], F16 (&y)[kOut]) {
    y[0] = m[0] + m[1] + m[2];
    y[1] = m[1] - m[2] - m[3];
  }
};

// Where a tile is: the image, and the first row and column of its output.
struct TilePlace {
  int64_t image, y, x;
};

inline TilePlace place_of(const TileGrid& grid, int64_t tile) {
  const int64_t extent = output_extent(grid.tile);
  const int64_t in_image = tile % grid.tiles_per_image();
  return {tile / grid.tiles_per_image(), in_image / grid.columns() * extent,
          in_image % grid.columns() * extent};
}

// One column of the input tile: rows y - 1 and on, of column x; what is outside is 0.
template <typename Tile>
inline void load_column(const float* image, const TileGrid& grid, int shift, int64_t y, int64_t x,
                        F16 (&d)[Tile::kIn]) {
  const int64_t stride = (grid.width >> shift) * kLanes;
  const float* column = image + (x >> shift) * kLanes;
  const bool inside = x >= 0 && x < grid.width;
  for (int r = 0; r < Tile::kIn; ++r) {
    const int64_t row = y - 1 + r;
    d[r] = inside && row >= 0 && row < grid.height ? load(column + (row >> shift) * stride)
                                                   : broadcast(0.0F);
  }
}

template <typename Tile>
inline void input_tile(const WinogradInput& call, const float* image, const TilePlace& place,
                       int64_t offset) {
  constexpr int n = Tile::kIn;
  const int shift = call.doubled ? 1 : 0;
  F16 half[n][n];  // rows transformed
  for (int c = 0; c < n; ++c) {
    F16 d[n], v[n];
    load_column<Tile>(image, call.grid, shift, place.y, place.x - 1 + c, d);
    Tile::input(d, v);
    for (int r = 0; r < n; ++r) half[r][c] = v[r];
  }
  for (int r = 0; r < n; ++r) {
    F16 v[n];
    Tile::input(half[r], v);
    for (int c = 0; c < n; ++c) {
      const int64_t at = (r * n + c) * call.point_stride + offset;
      if (call.v_bf16 != nullptr) {
        store_bfloat16(call.v_bf16 + at, v[c]);
      } else {
        store(call.v + at, v[c]);
      }
    }
  }
}

template <typename Tile>
void winograd_input_of(const WinogradInput& call) {
  const TileGrid& grid = call.grid;
  const int64_t shift = call.doubled ? 1 : 0;
  const int64_t image_size = (grid.height >> shift) * (grid.width >> shift) * kLanes;
  for (int64_t i = 0; i < call.count; ++i) {
    const TilePlace place = place_of(grid, call.first + i);
    input_tile<Tile>(call, call.x + place.image * image_size, place, i * kLanes);
  }
}

inline void winograd_input(const WinogradInput& call) {
  if (call.grid.tile == WinogradTile::kF4) {
    winograd_input_of<F4>(call);
  } else {
    winograd_input_of<F2>(call);
  }
}

template <typename Tile>
inline void write_tile(const WinogradOutput& call, const TilePlace& place,
                       const F16 (&y)[Tile::kOut][Tile::kOut]) {
  const TileGrid& grid = call.grid;
  const F16 bias = load(call.bias + place.image * call.bias_stride);
  const F16 scale = broadcast(call.scale);
  const int64_t image = place.image * grid.height * grid.width;
  for (int r = 0; r < Tile::kOut && place.y + r < grid.height; ++r) {
    for (int c = 0; c < Tile::kOut && place.x + c < grid.width; ++c) {
      const int64_t at = (image + (place.y + r) * grid.width + place.x + c) * kLanes;
      F16 value = y[r][c] + bias;
      if (call.residual != nullptr) value = value + load(call.residual + at);
      store(call.y + at, value * scale);
    }
  }
}

template <typename Tile>
void winograd_output_of(const WinogradOutput& call) {
  constexpr int n = Tile::kIn;
  for (int64_t i = 0; i < call.count; ++i) {
    F16 half[Tile::kOut][n];
    for (int c = 0; c < n; ++c) {
      F16 m[n], y[Tile::kOut];
      for (int r = 0; r < n; ++r) {
        m[r] = load(call.m + (r * n + c) * call.point_stride + i * kLanes);
      }
      Tile::output(m, y);
      for (int r = 0; r < Tile::kOut; ++r) half[r][c] = y[r];
    }
    F16 y[Tile::kOut][Tile::kOut];
    for (int r = 0; r < Tile::kOut; ++r) Tile::output(half[r], y[r]);
    write_tile<Tile>(call, place_of(call.grid, call.first + i), y);
  }
}

inline void winograd_output(const WinogradOutput& call) {
  if (call.grid.tile == WinogradTile::kF4) {
    winograd_output_of<F4>(call);
  } else {
    winograd_output_of<F2>(call);
  }
}

}  // namespace
}  // namespace ddpm
