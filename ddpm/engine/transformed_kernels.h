// The 3x3 kernels of a convolution as Winograd's algorithm multiplies with them.
//
// U, the transformed kernels, has 16 or 36 numbers where a kernel has 9. A network whose U is of
// moderate size keeps it; another, whose weights fill memory by themselves, keeps the kernels and
// makes U at each use, a panel at a time, in memory that stays in the cache. The bits are the same.

#pragma once

#include <cstddef>
#include <cstdint>
#include <vector>

#include "ddpm/engine/memory.h"
#include "ddpm/kernels/kernels.h"
#include "ddpm/unet/graph.h"
#include "ddpm/unet/precision.h"

namespace ddpm {

// Bytes of U for all convolutions of a network that are done so.
int64_t transformed_bytes(const Graph& graph, Precision precision);

class TransformedKernels {
 public:
  // weights [out][in][3][3], `out` being the channels of `output`; `keep`: U rather than them. Few
  // channels are float32 in any precision: it is little work.
  TransformedKernels(const Kernels& kernels, Precision precision, bool keep,
                     const std::vector<float>& weights, int64_t in, const ValueShape& output);

  WinogradTile tile() const { return tile_; }
  Precision precision() const { return precision_; }
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

  Precision precision_;
  WinogradTile tile_;
  bool kept_;
  int64_t in_;
  int64_t out_;
  Memory memory_;  // U, or taps, in panels
};

}  // namespace ddpm
