#include "ddpm/convert/tensors.h"

#include <algorithm>
#include <cmath>
#include <nlohmann/json.hpp>
#include <set>

#include "ddpm/base/json.h"
#include "ddpm/base/text.h"
#include "ddpm/unet/parameters.h"

namespace ddpm {

namespace {

constexpr size_t kMostFaultsTold = 10;
constexpr const char* kTimeTable = "time_proj.weight";
constexpr int64_t kPieces = 3;  // queries, keys, values

// The layer and ".weight" or ".bias".
std::pair<std::string, std::string> split_name(const std::string& name) {
  const size_t dot = name.rfind('.');
  return {name.substr(0, dot), name.substr(dot)};
}

// What the tensor behind one of ours has to be like.
std::vector<int64_t> shape_there(const std::vector<int64_t>& ours, const LayerSource& source) {
  std::vector<int64_t> shape = ours;
  if (source.piece != Piece::kWhole) shape[0] *= kPieces;
  return shape;
}

// Without the extents of 1 that a convolution of one pixel has behind those of a linear layer.
std::vector<int64_t> without_pixel(std::vector<int64_t> shape, const LayerSource& source) {
  constexpr size_t kMatrix = 2;
  while (source.pointwise && shape.size() > kMatrix && shape.size() <= kMatrix + 2 &&
         shape.back() == 1) {
    shape.pop_back();
  }
  return shape;
}

void throw_faults(const StateDictionary& dictionary, std::vector<std::string> faults) {
  if (faults.empty()) return;
  const size_t count = faults.size();
  if (count > kMostFaultsTold) faults.resize(kMostFaultsTold);
  dictionary.fail("not the tensors of the network that its names tell of, ", count,
                  count == 1 ? " difference: " : " differences: ", join(faults, "; "),
                  count > kMostFaultsTold ? "; .." : "");
}

}  // namespace

std::vector<TensorSource> tensor_sources(const StateDictionary& dictionary,
                                         const SourceLayout& layout, const UNetConfig& unet) {
  std::vector<TensorSource> sources;
  std::set<std::string> wanted;
  std::vector<std::string> faults;
  for (const NamedShape& parameter : unet_parameters(unet)) {
    if (parameter.name == kTimeTable) {
      sources.emplace_back();
      continue;
    }
    const auto [layer, kind] = split_name(parameter.name);
    const LayerSource& source = layout.layers.at(layer);
    const std::string name = source.theirs + kind;
    sources.push_back({.theirs = name, .piece = source.piece});
    if (!wanted.insert(name).second) continue;  // another piece of the same
    const auto found = dictionary.shapes.find(name);
    const std::vector<int64_t> shape = shape_there(parameter.shape, source);
    if (found == dictionary.shapes.end()) {
      faults.push_back("no " + dictionary.prefix + name);
    } else if (without_pixel(found->second, source) != shape) {
      faults.push_back(concat(dictionary.prefix, name, " wanted ", shape_text(shape), ", got ",
                              shape_text(found->second)));
    }
  }
  for (const auto& entry : dictionary.shapes) {
    if (wanted.count(entry.first) == 0) {
      faults.push_back(json_shown(Json(dictionary.prefix + entry.first)) + " left over");
    }
  }
  throw_faults(dictionary, std::move(faults));
  return sources;
}

std::vector<float> rows_of_piece(std::span<const float> values, int64_t channels, int64_t heads,
                                 QkvOrder order, Piece piece) {
  DDPM_ASSERT(piece != Piece::kWhole && channels % heads == 0);
  const int64_t row = std::ssize(values) / (kPieces * channels);  // values of one
  const int64_t width = channels / heads;
  const auto part = static_cast<int64_t>(piece);
  std::vector<float> rows;
  rows.reserve(static_cast<size_t>(channels * row));
  for (int64_t c = 0; c < channels; ++c) {
    const int64_t head = c / width;
    const int64_t there = order == QkvOrder::kHeadsFirst
                              ? (head * kPieces + part) * width + c % width
                              : part * channels + c;
    const auto from = values.subspan(static_cast<size_t>(there * row), static_cast<size_t>(row));
    rows.insert(rows.end(), from.begin(), from.end());
  }
  return rows;
}

std::vector<float> rescaled_time_table(int64_t T, int64_t channels) {
  const int64_t half = channels / 2;
  const auto log_period = static_cast<float>(-std::log(10000.0));
  std::vector<float> frequencies;
  for (int64_t i = 0; i < half; ++i) {
    const float exponent = log_period * static_cast<float>(i) / static_cast<float>(half);
    frequencies.push_back(static_cast<float>(std::exp(static_cast<double>(exponent))));
  }
  const auto scale = static_cast<float>(1000.0 / static_cast<double>(T));
  std::vector<float> table;
  table.reserve(static_cast<size_t>(T * channels));
  for (int64_t n = 0; n < T; ++n) {
    const float time = static_cast<float>(n) * scale;
    for (double (*wave)(double) :
         {static_cast<double (*)(double)>(std::cos), static_cast<double (*)(double)>(std::sin)}) {
      for (const float frequency : frequencies) {
        const float angle = time * frequency;
        table.push_back(static_cast<float>(wave(static_cast<double>(angle))));
      }
    }
  }
  return table;
}

}  // namespace ddpm
