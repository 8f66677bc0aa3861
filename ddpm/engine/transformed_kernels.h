// The 3x3 kernels of a convolution as Winograd's algorithm multiplies with them.
//
// U, the transformed kernels, has 16 or 36 numbers where a kernel has 9. A network whose U is of
// moderate size keeps it; another, whose weights fill memory by themselves, keeps the kernels and
// makes U at each use, a panel at a time, in memory that stays in the cache. The bits are the same.

#pragma once

#include <cstddef>
#include <cstdint>
#include <vector>

#include "ddpm/engine/graph.h"
#include "ddpm/engine/memory.h"
#include "ddpm/formats/precision.h"
#include "ddpm/kernels/kernels.h"

namespace ddpm {

// Larger tiles save products, but U of them is four times the kernels: where few pixels share it,
// reading it takes longer than that. docs/engine.md has the measurement. The choice may not depend
// on the number of images, or their bits would.
WinogradTile tile_for(const ValueShape& output);

// That of a convolution's products. Few channels are float32 in any case: it is little work.
Precision precision_for(Precision wanted, const ValueShape& output);

// Bytes of U for all convolutions of a network that are done so.
int64_t transformed_bytes(const Graph& graph, Precision precision);

class TransformedKernels {
 public:
  TransformedKernels() = default;
  // weights [out][in][3][3], `out` being the channels of `output`; `keep`: U rather than them.
  TransformedKernels(const Kernels& kernels, Precision precision, bool keep,
                     const std::vector<float>& weights, int64_t in, const ValueShape& output);

  bool kept() const { return kept_; }
  int64_t bytes() const { return memory_.size(); }
  int64_t panels() const { return panels_of(out_); }

  // All panels of U take as much memory, a multiple of 64 bytes; one behind the other where all are
  // held.
  int64_t panel_bytes() const;
  int64_t all_bytes() const { return panels() * panel_bytes(); }
  const std::byte* all() const { return memory_.bytes(); }  // if they are kept
  void make_panel(const Kernels& kernels, int64_t panel, std::byte* u) const;

  // C = V U for one point and panel, which lies at `u`: `v` are rows in blocks, of the precision's
  // number type.
  struct Product {
    const std::byte* u;
    int64_t panel;
    int64_t point;
    const void* const* v;
    int64_t rows;
    float* c0;
    float* c1;  // not used if the panel has 16 columns
  };
  void multiply(const Kernels& kernels, const Product& product) const;

 private:
  int64_t k() const { return blocks_of(in_) * kLanes; }
  int64_t point_stride() const;
  void transform(const Kernels& kernels, int64_t panel, const float* taps, std::byte* u) const;

  Precision precision_ = Precision::kFloat32;
  WinogradTile tile_ = WinogradTile::kF2;
  bool kept_ = false;
  int64_t in_ = 0;
  int64_t out_ = 0;
  Memory memory_;  // U, or taps, in panels
};

}  // namespace ddpm
