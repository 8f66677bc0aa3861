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
  static constexpr float kOver0 = 1 / (kA2 * kB2), kOverA = 1 / (2 * kA2 * (kA2 - kB2)),
                         kOverB = 1 / (2 * kB2 * (kB2 - kA2));

  static constexpr float point_of_pair(int pair) { return pair == 1 ? kA : kB; }

  // B^T d: the coefficients of prod over j != i of (x - p_j), a row for each point i.
  static void input(const F16 (&d)[kIn], F16 (&v)[kIn]) {
    const F16 a = broadcast(kA), b = broadcast(kB), a2 = broadcast(kA2), b2 = broadcast(kB2);
    const F16 sum = broadcast(kA2 + kB2), product = broadcast(kA2 * kB2);
    const F16 even_a = subtract_product(b2, d[2], d[4]), odd_a = subtract_product(b2, d[1], d[3]);
    const F16 even_b = subtract_product(a2, d[2], d[4]), odd_b = subtract_product(a2, d[1], d[3]);
    v[0] = multiply_add(product, d[0], subtract_product(sum, d[2], d[4]));
    const F16 of_a = a * odd_a, of_b = b * odd_b;  // sums run beside products, which are the more
    v[1] = even_a + of_a;
    v[2] = even_a - of_a;
    v[3] = even_b + of_b;
    v[4] = even_b - of_b;
    v[5] = multiply_add(product, d[1], subtract_product(sum, d[3], d[5]));
  }
  // A^T m: row k has the points to the power k over prod over j != i of (p_i - p_j); infinity
  // counts in the last.
  static void output(const F16 (&m)[kIn], F16 (&y)[kOut]) {
    const F16 even_a = m[1] + m[2], odd_a = m[1] - m[2];
    const F16 even_b = m[3] + m[4], odd_b = m[3] - m[4];
    y[0] = multiply_add(broadcast(kOver0), m[0],
                        multiply_add(broadcast(kOverA), even_a, broadcast(kOverB) * even_b));
    y[1] = multiply_add(broadcast(kOverA * kA), odd_a, broadcast(kOverB * kB) * odd_b);
    y[2] = multiply_add(broadcast(kOverA * kA2), even_a, broadcast(kOverB * kB2) * even_b);
    y[3] = multiply_add(broadcast(kOverA * kA2 * kA), odd_a,
                        multiply_add(broadcast(kOverB * kB2 * kB), odd_b, m[5]));
  }
};

struct F2 {
  static constexpr int kOut = 2;
  static constexpr int kIn = 4;

  static constexpr float point_of_pair(int) { return 1; }

  static void input(const F16 (&d)[kIn], F16 (&v)[kIn]) {
    v[0] = d[0] - d[2];
    v[1] = d[1] + d[2];
    v[2] = d[2] - d[1];
    v[3] = d[1] - d[3];
  }
  static void output(const F16 (&m)[kIn], F16 (&y)[kOut]) {
    const F16 half = broadcast(0.5F);
    y[0] = multiply_add(half, m[1] + m[2], m[0]);
    y[1] = multiply_add(half, m[1] - m[2], F16(broadcast(0.0F)) - m[3]);
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
  float* v;
  void operator()(int64_t at, const F16& x) const { store(v + at, x); }
};
struct StoreBfloat16 {
  uint16_t* v;
  void operator()(int64_t at, const F16& x) const { store_bfloat16(v + at, x); }
};

// `count` tiles side by side, at most kTilesOfARow: the columns first, which neighbours share.
inline constexpr int64_t kTilesOfARow = 8;

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
  for (int64_t i = 0; i < count; ++i) {
    for (int r = 0; r < n; ++r) {
      F16 d[n], v[n];
      for (int c = 0; c < n; ++c) d[c] = load(columns[r][i * Tile::kOut + c]);
      Tile::input(d, v);
      for (int c = 0; c < n; ++c) {
        store_v((r * n + c) * stride + offset + i * kLanes, v[c]);
      }
    }
  }
}

template <typename Tile, typename Store>
void winograd_input_of(const WinogradInput& call, const Store& store_v) {
  int64_t count = 0;
  for (int64_t i = 0; i < call.count; i += count) {
    const TilePlace place = place_of(call.grid, call.first + i);
    const int64_t left = call.grid.columns() - place.x / Tile::kOut;  // in this row of tiles
    count = left < call.count - i ? left : call.count - i;
    if (count > kTilesOfARow) count = kTilesOfARow;
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

// The pixels of a tile that lie in the image.
template <typename Tile>
inline void write_tile(const WinogradOutput& call, const TilePlace& place,
                       const F16 (&y)[Tile::kOut][Tile::kOut]) {
  const TileGrid& grid = call.grid;
  const F16 bias = load(call.bias + place.image * call.bias_stride);
  const F16 scale = broadcast(call.scale);
  const int64_t first = (place.image * grid.height + place.y) * grid.width + place.x;
  const int64_t rows = grid.height - place.y, columns = grid.width - place.x;
#pragma GCC unroll 4
  for (int r = 0; r < Tile::kOut; ++r) {
#pragma GCC unroll 4
    for (int c = 0; c < Tile::kOut; ++c) {
      if (r >= rows || c >= columns) continue;
      const int64_t at = (first + r * grid.width + c) * kLanes;
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

// G g for three taps in a row: the points 0 and infinity, or p and -p.
template <typename Tile, int pair>
inline void points_of_pair(const F16& g0, const F16& g1, const F16& g2, F16& first, F16& second) {
  if constexpr (pair == 0) {
    first = g0;
    second = g2;
  } else {
    constexpr float p = Tile::point_of_pair(pair);
    const F16 even = multiply_add(broadcast(p * p), g2, g0);
    first = multiply_add(broadcast(p), g1, even);
    second = subtract_product(broadcast(p), g1, even);
  }
}

// All points of a row, of the three numbers that stand for its columns of taps.
template <typename Tile, int pair = 0>
inline void points_of_row(const F16 (&g)[3], F16 (&u)[Tile::kIn]) {
  constexpr int first = pair == 0 ? 0 : 2 * pair - 1, second = pair == 0 ? Tile::kIn - 1 : 2 * pair;
  points_of_pair<Tile, pair>(g[0], g[1], g[2], u[first], u[second]);
  if constexpr (2 * (pair + 1) < Tile::kIn) points_of_row<Tile, pair + 1>(g, u);
}

// The columns of taps of 16 kernels, transformed for the two rows of a pair.
template <typename Tile, int pair>
inline void rows_of_pair(const float* taps, int64_t columns, F16 (&first)[3], F16 (&second)[3]) {
#pragma GCC unroll 3
  for (int c = 0; c < 3; ++c) {
    const F16 g0 = load(taps + c * columns), g1 = load(taps + (3 + c) * columns),
              g2 = load(taps + (6 + c) * columns);
    points_of_pair<Tile, pair>(g0, g1, g2, first[c], second[c]);
  }
}

// The two number types that U may have: 16 columns of two rows of a panel of `columns`.
struct StorePanelFloat32 {
  float* u;
  void operator()(int64_t row, int64_t columns, int64_t column, const F16& first,
                  const F16& second) const {
    store(u + row + column, first);
    store(u + row + columns + column, second);
  }
};
struct StorePanelBfloat16 {
  uint16_t* u;
  void operator()(int64_t row, int64_t, int64_t column, const F16& first, const F16& second) const {
    store_bfloat16_pairs(u + row + 2 * column, first, second);
  }
};

template <typename Tile, int pair, int64_t columns, typename Store>
void winograd_weights_of(const WinogradWeights& call, const Store& store_u) {
  const int64_t stride = call.point_stride;
  const float* taps = call.taps;
  for (int64_t k = 0; k < call.k; k += 2) {
#pragma GCC unroll 2
    for (int64_t column = 0; column < columns; column += kLanes) {
      F16 even[2][3], odd[2][3];  // k and k + 1, the rows of the pair
      rows_of_pair<Tile, pair>(taps + column, columns, even[0], even[1]);
      rows_of_pair<Tile, pair>(taps + kTaps * columns + column, columns, odd[0], odd[1]);
#pragma GCC unroll 2
      for (int r = 0; r < 2; ++r) {
        F16 first[Tile::kIn], second[Tile::kIn];
        points_of_row<Tile>(even[r], first);
        points_of_row<Tile>(odd[r], second);
#pragma GCC unroll 6
        for (int c = 0; c < Tile::kIn; ++c) {
          store_u((r * Tile::kIn + c) * stride + k * columns, columns, column, first[c], second[c]);
        }
      }
    }
    taps += 2 * kTaps * columns;
  }
}

template <typename Tile, int pair>
void winograd_weights_of(const WinogradWeights& call) {
  const auto with = [&](const auto& store_u) {
    if (call.columns == kPanelColumns) {
      winograd_weights_of<Tile, pair, kPanelColumns>(call, store_u);
    } else {
      winograd_weights_of<Tile, pair, kLanes>(call, store_u);
    }
  };
  if (call.u_bf16 != nullptr) {
    with(StorePanelBfloat16{call.u_bf16});
  } else {
    with(StorePanelFloat32{call.u});
  }
}

inline void winograd_weights(const WinogradWeights& call) {
  if (call.tile == WinogradTile::kF2) {
    call.pair == 0 ? winograd_weights_of<F2, 0>(call) : winograd_weights_of<F2, 1>(call);
  } else if (call.pair == 0) {
    winograd_weights_of<F4, 0>(call);
  } else {
    call.pair == 1 ? winograd_weights_of<F4, 1>(call) : winograd_weights_of<F4, 2>(call);
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
