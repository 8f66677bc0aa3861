#include "ddpm/engine/time_embedding.h"

#include <algorithm>
#include <cmath>

#include "ddpm/engine/steps_internal.h"
#include "ddpm/unet/embedding_frequencies.h"

namespace ddpm {

namespace {

// [2 half] and a zero if the channels are odd.
void fill_sinusoids(int64_t timestep, const std::vector<float>& frequencies, bool cosine_first,
                    float* values) {
  const size_t half = frequencies.size();
  for (size_t i = 0; i < half; ++i) {
    const auto angle = static_cast<double>(static_cast<float>(timestep) * frequencies[i]);
    const auto sine = static_cast<float>(std::sin(angle));
    const auto cosine = static_cast<float>(std::cos(angle));
    values[i] = cosine_first ? cosine : sine;
    values[half + i] = cosine_first ? sine : cosine;
  }
}

int64_t filled(int64_t channels) { return blocks_of(channels) * kLanes; }

std::vector<float> zeros(int64_t count) {
  return std::vector<float>(static_cast<size_t>(count), 0.0F);
}

// For each projection the convolution that it is added to, whose bias its outputs include; "" for a
// scale and shift.
std::vector<std::string> convolutions_of_projections(const Graph& graph) {
  std::vector<std::string> names(graph.projections.size());
  for (const Operator& op : graph.operators) {
    const auto* convolution = std::get_if<ConvolutionOperator>(&op);
    if (convolution == nullptr || convolution->time == kNoTime) continue;
    names.at(static_cast<size_t>(convolution->time)) = convolution->name;
  }
  return names;
}

}  // namespace

std::vector<float> sinusoids(int64_t timestep, int64_t channels, int64_t frequency_shift,
                             bool cosine_first) {
  std::vector<float> values = zeros(channels);
  fill_sinusoids(timestep, embedding_frequencies(channels, frequency_shift), cosine_first,
                 values.data());
  return values;
}

TimeEmbedding::TimeEmbedding(const Graph& graph, const MemoryPlan& plan, int64_t at_once,
                             int64_t kept, const TensorSource& tensors)
    : op_(graph.time),
      row_size_(plan.time_row),
      now_(at_once * row_size_ * static_cast<int64_t>(sizeof(float))),
      kept_(kept * row_size_ * static_cast<int64_t>(sizeof(float))),
      known_(static_cast<size_t>(kept), 0),
      sinusoid_frequencies_(embedding_frequencies(op_.base_channels, op_.frequency_shift)) {
  const int64_t base = op_.base_channels, embedding = op_.channels;
  constexpr auto kPrecision = Precision::kFloat32;  // a row is computed once
  first_ = pack_linear(kPrecision, tensors("time_embedding.linear_1.weight"), base, embedding);
  second_ =
      pack_linear(kPrecision, tensors("time_embedding.linear_2.weight"), embedding, embedding);
  first_bias_ = padded(tensors("time_embedding.linear_1.bias"));
  second_bias_ = padded(tensors("time_embedding.linear_2.bias"));
  if (op_.learned_times > 0) time_table_ = tensors("time_proj.weight");
  if (op_.classes > 0) class_table_ = tensors("class_embedding.weight");
  pack_projections(graph, plan, tensors);
  input_ = zeros(filled(base));
  hidden_ = embedding_ = zeros(filled(embedding));
  blocks_.resize(static_cast<size_t>(blocks_of(std::max(base, embedding))));
}

void TimeEmbedding::pack_projections(const Graph& graph, const MemoryPlan& plan,
                                     const TensorSource& tensors) {
  const int64_t k = filled(op_.channels);
  std::vector<float> whole = zeros(packed_size(k, row_size_));
  projections_bias_ = zeros(row_size_);
  const std::vector<std::string> added_to = convolutions_of_projections(graph);
  for (size_t id = 0; id < graph.projections.size(); ++id) {
    const TimeProjection& projection = graph.projections[id];
    const std::vector<float> weights = tensors(projection.name + ".weight");
    const std::vector<float> bias = tensors(projection.name + ".bias");
    const std::vector<float> more =
        added_to[id].empty() ? zeros(projection.outputs()) : tensors(added_to[id] + ".bias");
    for (int64_t i = 0; i < projection.outputs(); ++i) {
      // scales, then, from a full block on, shifts
      const int64_t half = i / projection.channels, channel = i % projection.channels;
      const int64_t column = plan.time_offsets[id] + half * filled(projection.channels) + channel;
      const int64_t panel = column / kPanelColumns, width = columns_of_panel(panel, row_size_);
      float* to = whole.data() + panel_offset(panel, k) + column % kPanelColumns;
      const float* from = weights.data() + i * op_.channels;
      for (int64_t j = 0; j < op_.channels; ++j) to[j * width] = from[j];
      projections_bias_[static_cast<size_t>(column)] =
          bias[static_cast<size_t>(i)] + more[static_cast<size_t>(i)];
    }
  }
  projections_ = PackedMatrix(Precision::kFloat32, k, row_size_);
  projections_.fill(whole.data());
}

void TimeEmbedding::multiply(const Kernels& kernels, Workers& workers, const PackedMatrix& matrix,
                             const float* x, const std::vector<float>& bias, float* y) {
  const int64_t panels = panels_of(matrix.columns());
  const int64_t parts = std::min(panels, 4 * workers.count());
  for (int64_t b = 0; b < matrix.k_blocks(); ++b) blocks_[static_cast<size_t>(b)] = x + b * kLanes;
  workers.run(parts, [&](int64_t part, int64_t) {
    for (int64_t p = panels * part / parts; p < panels * (part + 1) / parts; ++p) {
      float* c = y + p * kPanelColumns;
      matrix.multiply(kernels, p, blocks_.data(), 1, c, c + kLanes);
      for (int64_t i = 0; i < columns_of_panel(p, matrix.columns()); ++i) {
        c[i] += bias[static_cast<size_t>(p * kPanelColumns + i)];
      }
    }
  });
}

void TimeEmbedding::compute(const Kernels& kernels, Workers& workers, int64_t timestep,
                            int64_t label, float* row) {
  const int64_t base = op_.base_channels;
  if (!time_table_.empty()) {
    std::copy_n(time_table_.begin() + timestep * base, base, input_.begin());
  } else {
    fill_sinusoids(timestep, sinusoid_frequencies_, op_.cosine_first, input_.data());
  }
  multiply(kernels, workers, first_, input_.data(), first_bias_, hidden_.data());
  kernels.silu(hidden_.data(), std::ssize(hidden_));
  multiply(kernels, workers, second_, hidden_.data(), second_bias_, embedding_.data());
  if (!class_table_.empty()) {
    const int64_t channels = op_.channels;
    for (int64_t i = 0; i < channels; ++i) {
      embedding_[static_cast<size_t>(i)] += class_table_[static_cast<size_t>(label * channels + i)];
    }
  }
  kernels.silu(embedding_.data(), std::ssize(embedding_));
  multiply(kernels, workers, projections_, embedding_.data(), projections_bias_, row);
}

void TimeEmbedding::find(const Kernels& kernels, Workers& workers, int64_t timestep, int64_t label,
                         float* row) {
  if (timestep < 0 || timestep >= std::ssize(known_)) {
    compute(kernels, workers, timestep, label, row);
    return;
  }
  float* place = kept_.as<float>() + timestep * row_size_;
  int64_t& known = known_[static_cast<size_t>(timestep)];
  if (known != label + 1) {
    compute(kernels, workers, timestep, label, place);
    known = label + 1;
  }
  std::copy_n(place, row_size_, row);
}

TimeEmbedding::Rows TimeEmbedding::rows(const Kernels& kernels, Workers& workers,
                                        const int64_t* timesteps, const int64_t* labels,
                                        int64_t n) {
  const auto label = [&](int64_t i) { return labels == nullptr ? 0 : labels[i]; };
  bool same = true;
  for (int64_t i = 0; i < n; ++i) {
    same = same && timesteps[i] == timesteps[0] && label(i) == label(0);
  }
  auto* row = now_.as<float>();
  for (int64_t i = 0; i < (same ? 1 : n); ++i) {
    find(kernels, workers, timesteps[i], label(i), row + i * row_size_);
  }
  return {row, same ? 0 : row_size_};
}

}  // namespace ddpm
