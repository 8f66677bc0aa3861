#include "ddpm/models/initialise.h"

#include <cmath>
#include <string_view>

#include "ddpm/random/stream.h"

namespace ddpm {

namespace {

constexpr double kNearZero = 1e-10;  // the scale of layers that begin as nothing

bool ends_with(std::string_view text, std::string_view end) {
  return text.size() >= end.size() && text.substr(text.size() - end.size()) == end;
}

bool begins_near_zero(std::string_view name) {
  return ends_with(name, "conv2.weight") || ends_with(name, "to_out.0.weight") ||
         name == "conv_out.weight";
}

// Of learned embeddings: rows that are looked up, whose number says nothing of their size.
bool is_table(std::string_view name) {
  return name == "time_proj.weight" || name == "class_embedding.weight";
}

// Uniform in [-bound, bound).
void fill_uniform(const Stream& stream, double bound, std::vector<float>& numbers) {
  std::vector<uint64_t> words(numbers.size());
  fill_words(stream, words);
  for (size_t i = 0; i < numbers.size(); ++i) {
    const double u = static_cast<double>(words[i] >> 11) * 0x1.0p-53;
    numbers[i] = static_cast<float>((2.0 * u - 1.0) * bound);
  }
}

}  // namespace

double initial_bound(const NamedTensor& parameter) {
  const Tensor& value = parameter.value;
  if (value.dim() < 2 || is_table(parameter.name)) return 0.0;
  const int64_t positions = value.dim() == 4 ? value.size(2) * value.size(3) : 1;
  const auto fans = static_cast<double>((value.size(0) + value.size(1)) * positions);
  const double scale = begins_near_zero(parameter.name) ? kNearZero : 1.0;
  return std::sqrt(6.0 * scale / fans);
}

void initialise(ParameterSet& parameters, uint64_t seed) {
  ParameterValues values;
  for (const NamedTensor& parameter : parameters.all()) {
    std::vector<float> numbers(static_cast<size_t>(parameter.value.numel()), 0.0F);
    const Stream stream{seed, Purpose::kInitialWeights, values.size()};
    const bool norm_weight = parameter.value.dim() == 1 && ends_with(parameter.name, ".weight");
    const double bound = initial_bound(parameter);
    if (norm_weight) {
      numbers.assign(numbers.size(), 1.0F);
    } else if (is_table(parameter.name)) {
      fill_normal(stream, numbers);
    } else if (bound > 0.0) {
      fill_uniform(stream, bound, numbers);
    }
    values.push_back(std::move(numbers));
  }
  parameters.copy_from(values);
}

}  // namespace ddpm
