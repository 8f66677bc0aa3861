// The transforms of winograd.h, over the vectors of the path that includes it.

#pragma once

#include "ddpm/kernels/winograd.h"
#include "ddpm/kernels/winograd_tiles_internal.h"

namespace ddpm {
namespace {

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

// Tiles of a row that are transformed together.
inline constexpr int64_t kTilesOfARow = 8;

// Of the tiles from the i-th of `count` on, as many as are transformed together.
inline int64_t tiles_of_a_row(const TileGrid& grid, const TilePlace& place, int64_t i,
                              int64_t count) {
  const int64_t left = grid.columns() - place.x / output_extent(grid.tile);  // in this row
  const int64_t most = left < kTilesOfARow ? left : kTilesOfARow;
  return most < count - i ? most : count - i;
}

inline constexpr float kOutside[kLanes] = {};

// The rows of pixels that a row of tiles reads; what is outside of the image is 0.
template <typename Tile>
struct TileRows {
  TileRows(const WinogradInput& call, const TilePlace& place)
      : shift(call.doubled ? 1 : 0), width(call.grid.width) {
    const int64_t height = call.grid.height, stride = (width >> shift) * kLanes;
    const float* image = call.x + place.image * (height >> shift) * stride;
    for (int r = 0; r < Tile::kIn; ++r) {
      const int64_t y = place.y - 1 + r;
      const bool inside = y >= 0 && y < height;
      begin[r] = inside ? image + (y >> shift) * stride : kOutside;
      step[r] = inside ? kLanes : 0;
    }
  }

  // Column x, transformed.
  void transform_column(int64_t x, F16 (&v)[Tile::kIn]) const {
    F16 d[Tile::kIn];
    const bool inside = x >= 0 && x < width;
    for (int r = 0; r < Tile::kIn; ++r) {
      d[r] = inside ? load(begin[r] + (x >> shift) * step[r]) : broadcast(0.0F);
    }
    Tile::input(d, v);
  }

  int shift;
  int64_t width;
  const float* begin[Tile::kIn];
  int64_t step[Tile::kIn];  // values from a column to the next
};

// The two number types that V may have.
struct StoreFloat32 {
  static constexpr bool kRounds = false;
  float* v;
  void operator()(int64_t at, const F16& x) const { store(v + at, x); }
};
struct StoreBfloat16 {
  static constexpr bool kRounds = true;
  uint16_t* v;
  void operator()(int64_t at, const F16& x) const { store_bfloat16(v + at, x); }
};

// Rows [i, n) of a tile's points in the order in which they are rounded; the columns, transformed,
// lie at `columns`, [n][..][16] of row_size values a row.
template <typename Tile, int i, typename Store>
inline void store_rows(const float* columns, int64_t row_size, RoundingErrors<Tile>& errors,
                       int64_t point_stride, int64_t at, const Store& store_v) {
  constexpr int n = Tile::kIn, r = Tile::kOrder[i];
  F16 d[n], v[n];
#pragma GCC unroll 6
  for (int c = 0; c < n; ++c) d[c] = load(columns + r * row_size + c * kLanes);
  Tile::input(d, v);
  if constexpr (Store::kRounds) round_row<Tile, PixelFeedback<Tile>, i>(v, errors);
#pragma GCC unroll 6
  for (int c = 0; c < n; ++c) store_v((r * n + c) * point_stride + at, v[c]);
  if constexpr (i + 1 < n) {
    store_rows<Tile, i + 1>(columns, row_size, errors, point_stride, at, store_v);
  }
}

// `count` tiles side by side, at most kTilesOfARow: the columns first, which neighbours share.
template <typename Tile, typename Store>
inline void input_tiles(const WinogradInput& call, const TilePlace& place, int64_t count,
                        int64_t offset, Store store_v) {
  constexpr int n = Tile::kIn;
  const int64_t stride = call.point_stride;
  alignas(64) float columns[n][kTilesOfARow * Tile::kOut + 2][kLanes];
  const TileRows<Tile> rows(call, place);
  for (int64_t c = 0; c < count * Tile::kOut + 2; ++c) {
    F16 v[n];
    rows.transform_column(place.x - 1 + c, v);
    for (int r = 0; r < n; ++r) store(columns[r][c], v[r]);
  }
  constexpr int64_t row_size = (kTilesOfARow * Tile::kOut + 2) * kLanes;
  for (int64_t i = 0; i < count; ++i) {
    RoundingErrors<Tile> errors;
    store_rows<Tile, 0>(columns[0][i * Tile::kOut], row_size, errors, stride, offset + i * kLanes,
                        store_v);
  }
}

template <typename Tile, typename Store>
void winograd_input_of(const WinogradInput& call, const Store& store_v) {
  int64_t count = 0;
  for (int64_t i = 0; i < call.count; i += count) {
    const TilePlace place = place_of(call.grid, call.first + i);
    count = tiles_of_a_row(call.grid, place, i, call.count);
    input_tiles<Tile>(call, place, count, i * kLanes, store_v);
  }
}

template <typename Tile>
void winograd_input_of(const WinogradInput& call) {
  if (call.v_bf16 != nullptr) {
    winograd_input_of<Tile>(call, StoreBfloat16{call.v_bf16});
  } else {
    winograd_input_of<Tile>(call, StoreFloat32{call.v});
  }
}

inline void winograd_input(const WinogradInput& call) {
  if (call.grid.tile == WinogradTile::kF4) {
    winograd_input_of<F4>(call);
  } else {
    winograd_input_of<F2>(call);
  }
}

// The pixels that tiles side by side give: [kOut][columns][16]. They are written row by row, since
// the hardware fetches ahead only what is used in the order in which it lies in memory: tile by
// tile, a few pixels of each row, takes twice as long where pixels and residual are beyond the
// second cache.
template <typename Tile>
struct OutputRows {
  void transform(const WinogradOutput& call, int64_t tile, int64_t first_column) {
    constexpr int n = Tile::kIn;
    F16 half[Tile::kOut][n];
    for (int c = 0; c < n; ++c) {
      F16 m[n], y[Tile::kOut];
      for (int r = 0; r < n; ++r) {
        m[r] = load(call.m + (r * n + c) * call.point_stride + tile * kLanes);
      }
      Tile::output(m, y);
      for (int r = 0; r < Tile::kOut; ++r) half[r][c] = y[r];
    }
    for (int r = 0; r < Tile::kOut; ++r) {
      F16 y[Tile::kOut];
      Tile::output(half[r], y);
      for (int c = 0; c < Tile::kOut; ++c) store(values[r][first_column + c], y[c]);
    }
  }

  // Those of the first `count` columns that lie in the image.
  void write(const WinogradOutput& call, const TilePlace& place, int64_t count) const {
    const TileGrid& grid = call.grid;
    const F16 bias = load(call.bias + place.image * call.bias_stride);
    const F16 scale = broadcast(call.scale);
    const int64_t columns = count < grid.width - place.x ? count : grid.width - place.x;
    for (int64_t r = 0; r < Tile::kOut && r < grid.height - place.y; ++r) {
      const int64_t y = place.image * grid.height + place.y + r;
      const int64_t first = (y * grid.width + place.x) * kLanes;
      for (int64_t c = 0; c < columns; ++c) {
        const int64_t at = first + c * kLanes;
        F16 value = load(values[r][c]) + bias;
        if (call.residual != nullptr) value = value + load(call.residual + at);
        store(call.y + at, value * scale);
      }
    }
  }

  alignas(64) float values[Tile::kOut][kTilesOfARow * Tile::kOut][kLanes];
};

template <typename Tile>
void winograd_output_of(const WinogradOutput& call) {
  int64_t count = 0;
  for (int64_t i = 0; i < call.count; i += count) {
    const TilePlace place = place_of(call.grid, call.first + i);
    count = tiles_of_a_row(call.grid, place, i, call.count);
    OutputRows<Tile> rows;
    for (int64_t t = 0; t < count; ++t) rows.transform(call, i + t, t * Tile::kOut);
    rows.write(call, place, count * Tile::kOut);
  }
}

// G g for three taps in a row, or three numbers that stand for columns of taps.
template <typename Tile>
inline void kernel_points(const F16& g0, const F16& g1, const F16& g2, F16 (&u)[Tile::kIn]) {
  u[0] = g0;
#pragma GCC unroll 2
  for (int i = 1; i + 1 < Tile::kIn; i += 2) {  // p and -p
    const F16 point = broadcast(Tile::kPoints[i]);
    const F16 even = multiply_add(point * point, g2, g0);
    u[i] = multiply_add(point, g1, even);
    u[i + 1] = subtract_product(point, g1, even);
  }
  u[Tile::kIn - 1] = g2;  // infinity
}

// The columns of taps of 16 kernels.
template <typename Tile>
inline void kernel_columns(const float* taps, int64_t columns, F16 (&half)[3][Tile::kIn]) {
#pragma GCC unroll 3
  for (int c = 0; c < 3; ++c) {
    kernel_points<Tile>(load(taps + c * columns), load(taps + (3 + c) * columns),
                        load(taps + (6 + c) * columns), half[c]);
  }
}

// The two number types that U may have: 16 columns of two rows of a panel of `columns`.
struct StorePanelFloat32 {
  static constexpr bool kRounds = false;
  float* u;
  void operator()(int64_t row, int64_t columns, int64_t column, const F16& first,
                  const F16& second) const {
    store(u + row + column, first);
    store(u + row + columns + column, second);
  }
};
struct StorePanelBfloat16 {
  static constexpr bool kRounds = true;
  uint16_t* u;
  void operator()(int64_t row, int64_t, int64_t column, const F16& first, const F16& second) const {
    store_bfloat16_pairs(u + row + 2 * column, first, second);
  }
};

// U of 16 columns of k and k + 1.
template <typename Tile, int64_t columns, typename Store>
struct KernelPoints {
  // Rows [i, n) of points in the order in which they are rounded, to `at` of each point's panel.
  template <int i>
  void store_rows(int64_t at, int64_t column) {
    constexpr int n = Tile::kIn, r = Tile::kOrder[i];
    F16 first[n], second[n];
    kernel_points<Tile>(even[0][r], even[1][r], even[2][r], first);
    kernel_points<Tile>(odd[0][r], odd[1][r], odd[2][r], second);
    if constexpr (Store::kRounds) {
      round_row<Tile, KernelFeedback<Tile>, i>(first, even_errors);
      round_row<Tile, KernelFeedback<Tile>, i>(second, odd_errors);
    }
#pragma GCC unroll 6
    for (int c = 0; c < n; ++c) {
      store_u((r * n + c) * point_stride + at, columns, column, first[c], second[c]);
    }
    if constexpr (i + 1 < n) store_rows<i + 1>(at, column);
  }

  int64_t point_stride;
  Store store_u;
  F16 even[3][Tile::kIn], odd[3][Tile::kIn];  // columns of taps, transformed
  RoundingErrors<Tile> even_errors, odd_errors;
};

template <typename Tile, int64_t columns, typename Store>
void winograd_weights_of(const WinogradWeights& call, const Store& store_u) {
  const float* taps = call.taps;
  for (int64_t k = 0; k < call.k; k += 2) {
#pragma GCC unroll 2
    for (int64_t column = 0; column < columns; column += kLanes) {
      KernelPoints<Tile, columns, Store> points{call.point_stride, store_u, {}, {}, {}, {}};
      kernel_columns<Tile>(taps + column, columns, points.even);
      kernel_columns<Tile>(taps + kTaps * columns + column, columns, points.odd);
      points.template store_rows<0>(k * columns, column);
    }
    taps += 2 * kTaps * columns;
  }
}

template <typename Tile>
void winograd_weights_of(const WinogradWeights& call) {
  const auto with = [&](const auto& store_u) {
    if (call.columns == kPanelColumns) {
      winograd_weights_of<Tile, kPanelColumns>(call, store_u);
    } else {
      winograd_weights_of<Tile, kLanes>(call, store_u);
    }
  };
  if (call.u_bf16 != nullptr) {
    with(StorePanelBfloat16{call.u_bf16});
  } else {
    with(StorePanelFloat32{call.u});
  }
}

inline void winograd_weights(const WinogradWeights& call) {
  if (call.tile == WinogradTile::kF4) {
    winograd_weights_of<F4>(call);
  } else {
    winograd_weights_of<F2>(call);
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
