#include "ddpm/diffusers/parameters.h"

#include <algorithm>
#include <cstddef>
#include <utility>

#include "ddpm/base/check.h"
#include "ddpm/base/finite.h"
#include "ddpm/diffusers/mismatch.h"
#include "ddpm/diffusers/weights.h"
#include "ddpm/formats/safetensors.h"
#include "ddpm/unet/parameters.h"

namespace ddpm {

namespace {

bool starts_with(const std::string& text, const std::string& prefix) {
  return text.compare(0, prefix.size(), prefix) == 0;
}

}  // namespace

ParameterViews views_of(const ParameterValues& values) { return {values.begin(), values.end()}; }

ParameterArrays::ParameterArrays(ParameterViews views)
    : count_(views.size()),
      give_([views = std::move(views)](size_t k, const Take& take) { take(views[k]); }) {}

void check_parameters(const UNetConfig& unet, const ParameterArrays& values,
                      const std::string& who) {
  const std::vector<NamedShape> parameters = unet_parameters(unet);
  DDPM_CHECK(values.size() == parameters.size(), who, ": expected ", parameters.size(),
             " arrays, one per parameter, got ", values.size());
  for (size_t k = 0; k < values.size(); ++k) {
    values.give(k, [&](std::span<const float> array) {
      const NamedShape& parameter = parameters[k];
      DDPM_CHECK(std::ssize(array) == parameter.count(), who, ": ", parameter.name, ": expected ",
                 parameter.count(), " values, got ", array.size());
      const int64_t bad = count_not_finite(array);
      if (bad > 0) {
        throw NotFinite(concat(who, ": ", parameter.name, " has ", bad, " of ", array.size(),
                               " values that are not finite"));
      }
    });
  }
}

void stream_parameters(const UNetConfig& unet, const std::map<std::string, ParameterArrays>& sets,
                       const ByteSink& sink, const std::map<std::string, std::string>& metadata) {
  const std::vector<NamedShape> parameters = unet_parameters(unet);
  std::vector<StreamedTensor> tensors;
  for (const auto& [prefix, arrays] : sets) {
    for (size_t k = 0; k < parameters.size(); ++k) {
      const auto write = [&arrays = arrays, k](const ByteSink& out) {
        arrays.give(k, [&](std::span<const float> values) { out(std::as_bytes(values)); });
      };
      tensors.push_back({{prefix + parameters[k].name, DType::kF32, parameters[k].shape}, write});
    }
  }
  stream_safetensors(std::move(tensors), sink, metadata);
}

std::string encode_parameters(const UNetConfig& unet,
                              const std::map<std::string, ParameterViews>& sets,
                              const std::map<std::string, std::string>& metadata) {
  const std::map<std::string, ParameterArrays> arrays(sets.begin(), sets.end());
  std::string file;
  stream_parameters(
      unet, arrays, [&](std::span<const std::byte> piece) { file += as_text(piece); }, metadata);
  return file;
}

void for_each_parameter(const std::filesystem::path& path, const UNetConfig& unet,
                        const std::string& prefix, std::span<const std::string> other_prefixes,
                        const std::function<void(size_t, std::vector<float>)>& take) {
  const SafetensorsFile file(path);
  std::vector<NamedShape> wanted = unet_parameters(unet);
  for (NamedShape& parameter : wanted) parameter.name = prefix + parameter.name;
  ShapesByName shapes;
  for (const auto& [name, tensor] : file.tensors()) {
    const bool others =
        std::any_of(other_prefixes.begin(), other_prefixes.end(),
                    [&name = name](const auto& other) { return starts_with(name, other); });
    if (!others) shapes[name] = tensor.shape;
  }
  const std::string report = mismatch_report(wanted, shapes);
  if (!report.empty()) throw FormatError(concat(path.string(), ": ", report));
  for (size_t k = 0; k < wanted.size(); ++k) {
    const std::string& name = wanted[k].name;
    take(k, finite_floats(file, name, concat(path.string(), ": ", name)));
  }
}

ParameterValues read_parameters(const std::filesystem::path& path, const UNetConfig& unet,
                                const std::string& prefix,
                                std::span<const std::string> other_prefixes) {
  ParameterValues values;
  for_each_parameter(path, unet, prefix, other_prefixes,
                     [&](size_t, std::vector<float> one) { values.push_back(std::move(one)); });
  return values;
}

}  // namespace ddpm
