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

inline constexpr float kOutside[kLanes] = {};

// Where the rows of an input tile begin in the image; nullptr for rows outside of it.
template <typename Tile>
struct TileRows {
  TileRows(const WinogradInput& call, const TilePlace& place)
      : shift(call.doubled ? 1 : 0), width(call.grid.width) {
    const int64_t height = call.grid.height, stride = (width >> shift) * kLanes;
    const float* image = call.x + place.image * (height >> shift) * stride;
    for (int r = 0; r < Tile::kIn; ++r) {
      const int64_t y = place.y - 1 + r;
      begin[r] = y >= 0 && y < height ? image + (y >> shift) * stride : nullptr;
    }
  }

  // Column x of the tile; what is outside of the image is 0.
  void load_column(int64_t x, F16 (&d)[Tile::kIn]) const {
    const int64_t at = (x >> shift) * kLanes;
    const bool inside = x >= 0 && x < width;
    for (int r = 0; r < Tile::kIn; ++r) {
      d[r] = load(inside && begin[r] != nullptr ? begin[r] + at : kOutside);
    }
  }

  int shift;
  int64_t width;
  const float* begin[Tile::kIn];
};

// The two number types that V may have.
struct StoreFloat32 {
  float* v;
  void operator()(int64_t at, const F16& x) const { store(v + at, x); }
};
struct StoreBfloat16 {
  uint16_t* v;
  void operator()(int64_t at, const F16& x) const { store_bfloat16(v + at, x); }
};

template <typename Tile, typename Store>
inline void input_tile(const WinogradInput& call, const TilePlace& place, int64_t offset,
                       const Store& store_v) {
  constexpr int n = Tile::kIn;
  const TileRows<Tile> rows(call, place);
  F16 half[n][n];  // rows transformed
  for (int c = 0; c < n; ++c) {
    F16 d[n], v[n];
    rows.load_column(place.x - 1 + c, d);
    Tile::input(d, v);
    for (int r = 0; r < n; ++r) half[r][c] = v[r];
  }
  for (int r = 0; r < n; ++r) {
    F16 v[n];
    Tile::input(half[r], v);
    for (int c = 0; c < n; ++c) store_v((r * n + c) * call.point_stride + offset, v[c]);
  }
}

template <typename Tile>
void winograd_input_of(const WinogradInput& call) {
  for (int64_t i = 0; i < call.count; ++i) {
    const TilePlace place = place_of(call.grid, call.first + i);
    if (call.v_bf16 != nullptr) {
      input_tile<Tile>(call, place, i * kLanes, StoreBfloat16{call.v_bf16});
    } else {
      input_tile<Tile>(call, place, i * kLanes, StoreFloat32{call.v});
    }
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
