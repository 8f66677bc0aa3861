#include "ddpm/engine/attention_weights.h"

#include <cmath>

#include "ddpm/engine/steps_internal.h"

namespace ddpm {

namespace {

// weights [out][in] and bias of a linear layer, in float64.
struct Linear {
  Linear(const std::string& name, int64_t in_channels, const TensorSource& tensors)
      : in(in_channels) {
    for (const float value : tensors(name + ".weight"))
      weights.push_back(static_cast<double>(value));
    for (const float value : tensors(name + ".bias")) bias.push_back(static_cast<double>(value));
  }
  Linear(int64_t in_channels, int64_t out_channels)
      : in(in_channels),
        weights(static_cast<size_t>(in_channels * out_channels)),
        bias(static_cast<size_t>(out_channels)) {}

  int64_t out() const { return std::ssize(bias); }
  double& at(int64_t row, int64_t column) {
    return weights[static_cast<size_t>(row * in + column)];
  }
  double at(int64_t row, int64_t column) const {
    return weights[static_cast<size_t>(row * in + column)];
  }
  double& offset(int64_t row) { return bias[static_cast<size_t>(row)]; }
  double offset(int64_t row) const { return bias[static_cast<size_t>(row)]; }

  int64_t in;
  std::vector<double> weights;
  std::vector<double> bias;
};

void scale(Linear& layer, double factor) {
  for (double& value : layer.weights) value *= factor;
  for (double& value : layer.bias) value *= factor;
}

// Wk^T Wq and Wk^T bq.
Linear merged_queries(const Linear& q, const Linear& k) {
  Linear merged(q.in, k.in);
  for (int64_t row = 0; row < q.out(); ++row) {
    for (int64_t i = 0; i < k.in; ++i) {
      const double factor = k.at(row, i);
      for (int64_t j = 0; j < q.in; ++j) merged.at(i, j) += factor * q.at(row, j);
      merged.offset(i) += factor * q.offset(row);
    }
  }
  return merged;
}

// Wo Wv, no bias; Wo bv + bo goes into `sum`.
Linear merged_values(const Linear& v, const Linear& o, std::vector<float>& sum) {
  Linear merged(v.in, o.out());
  for (int64_t i = 0; i < o.out(); ++i) {
    double offset = o.offset(i);
    for (int64_t k = 0; k < v.out(); ++k) {
      const double factor = o.at(i, k);
      for (int64_t j = 0; j < v.in; ++j) merged.at(i, j) += factor * v.at(k, j);
      offset += factor * v.offset(k);
    }
    sum.push_back(static_cast<float>(offset));
  }
  return merged;
}

// Rows of several layers one behind the other, each filled up to a multiple of 32; within it the
// channels of each head to a multiple of 16.
class Rows {
 public:
  Rows(int64_t heads, int64_t head_channels) : heads_(heads), head_channels_(head_channels) {}

  // Returns the block at which the layer begins.
  int64_t add(const Linear& layer) {
    const int64_t begin = std::ssize(rows_);
    for (int64_t h = 0; h < heads_; ++h) {
      for (int64_t c = 0; c < blocks_of(head_channels_) * kLanes; ++c) {
        const bool used = c < head_channels_;
        rows_.push_back(used ? Row{&layer, h * head_channels_ + c} : Row{});
      }
    }
    while (std::ssize(rows_) % kPanelColumns != 0) rows_.emplace_back();
    return begin / kLanes;
  }

  PackedMatrix packed(Precision precision, int64_t in) const {
    const int64_t k = blocks_of(in) * kLanes, columns = std::ssize(rows_);
    std::vector<float> panels(static_cast<size_t>(packed_size(k, columns)));
    pack_panels(
        in, columns,
        [&](int64_t i, int64_t j) {
          const Row& row = rows_[static_cast<size_t>(j)];
          return row.layer == nullptr ? 0.0 : row.layer->at(row.number, i);
        },
        panels.data());
    PackedMatrix matrix(precision, k, columns);
    matrix.fill(panels.data());
    return matrix;
  }
  std::vector<float> bias() const {
    std::vector<float> values;
    for (const Row& row : rows_) {
      values.push_back(row.layer == nullptr ? 0.0F
                                            : static_cast<float>(row.layer->offset(row.number)));
    }
    return values;
  }

 private:
  struct Row {
    const Linear* layer = nullptr;  // none: zeros
    int64_t number = 0;
  };
  int64_t heads_;
  int64_t head_channels_;
  std::vector<Row> rows_;
};

// The last layer, whose input has each head filled up.
PackedMatrix pack_out(Precision precision, const Linear& o, int64_t heads, int64_t head_channels) {
  const int64_t filled = blocks_of(head_channels) * kLanes;
  std::vector<float> panels(static_cast<size_t>(packed_size(heads * filled, o.out())));
  pack_panels(
      heads * filled, o.out(),
      [&](int64_t i, int64_t j) {
        const int64_t c = i % filled;
        return c < head_channels ? o.at(j, i / filled * head_channels + c) : 0.0;
      },
      panels.data());
  PackedMatrix matrix(precision, heads * filled, o.out());
  matrix.fill(panels.data());
  return matrix;
}

}  // namespace

AttentionWeights make_attention_weights(Precision precision, const std::string& name,
                                        int64_t channels, int64_t heads, int64_t head_channels,
                                        const TensorSource& tensors) {
  Linear q(name + ".to_q", channels, tensors);
  const Linear k(name + ".to_k", channels, tensors);
  const Linear v(name + ".to_v", channels, tensors);
  const Linear o(name + ".to_out.0", heads * head_channels, tensors);
  scale(q, 1.0 / std::sqrt(static_cast<double>(head_channels)));
  AttentionWeights made{.merged = heads == 1 && head_channels == channels,
                        .head_blocks = blocks_of(head_channels)};
  Rows rows(heads, head_channels);
  Linear first = q, last = v;
  if (made.merged) {
    first = merged_queries(q, k);
    last = merged_values(v, o, made.out_bias);
    rows.add(first);
    made.value_block = rows.add(last);
  } else {
    rows.add(q);
    made.key_block = rows.add(k);
    made.value_block = rows.add(v);
    made.out = pack_out(precision, o, heads, head_channels);
    for (const double value : o.bias) made.out_bias.push_back(static_cast<float>(value));
  }
  made.into = rows.packed(precision, channels);
  made.into_bias = rows.bias();
  made.out_bias = padded(made.out_bias);
  return made;
}

}  // namespace ddpm
