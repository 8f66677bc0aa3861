// The four linear layers of an attention as the engine multiplies by them.
//
// With one head the scores of position t against j are, but for what is the same for all j,
//   (Wq x_t + bq) . (Wk x_j + bk)  ~  (Wk^T Wq x_t + Wk^T bq) . x_j
// and the mixture of values, whose weights add up to 1, goes through the last layer as
//   Wo sum_j p_tj (Wv x_j + bv) + bo  =  sum_j p_tj (Wo Wv) x_j  +  Wo bv + bo
// so two products of the four are left. With several heads the merged matrices would be larger than
// the layers; each head's channels are then filled up to a multiple of 16. The scale of the scores,
// 1 / sqrt(channels of a head), is part of the first matrix either way. All in float64, rounded
// once.

#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "ddpm/engine/packed_matrix.h"

namespace ddpm {

struct AttentionWeights {
  bool merged;
  int64_t head_blocks;  // blocks of 16 channels of a head, in queries, keys and values

  // From x to what is multiplied: columns of queries, keys (unless merged) and values, each filled
  // up to a multiple of 32.
  PackedMatrix into = {};
  std::vector<float> into_bias = {};
  int64_t key_block = 0;  // the first block of the keys and of the values in its result
  int64_t value_block = 0;

  // From the mixed values to y; empty if merged.
  PackedMatrix out = {};
  std::vector<float> out_bias = {};  // in full blocks, of the sum either way
};

// Reads name.to_q, to_k, to_v and to_out.0.
AttentionWeights make_attention_weights(Precision precision, const std::string& name,
                                        int64_t channels, int64_t heads, int64_t head_channels,
                                        const TensorSource& tensors);

}  // namespace ddpm
