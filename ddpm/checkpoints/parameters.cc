#include "ddpm/checkpoints/parameters.h"

#include <algorithm>
#include <cstddef>
#include <utility>

#include "ddpm/base/check.h"
#include "ddpm/base/finite.h"
#include "ddpm/checkpoints/mismatch.h"
#include "ddpm/checkpoints/weights.h"
#include "ddpm/formats/safetensors.h"

namespace ddpm {

namespace {

bool starts_with(const std::string& text, const std::string& prefix) {
  return text.compare(0, prefix.size(), prefix) == 0;
}

}  // namespace

ParameterViews views_of(const ParameterValues& values) { return {values.begin(), values.end()}; }

void check_parameters(const UNetConfig& unet, const ParameterViews& values,
                      const std::string& who) {
  const std::vector<NamedShape> parameters = unet_parameters(unet);
  DDPM_CHECK(values.size() == parameters.size(), who, ": wanted ", parameters.size(),
             " arrays, one a parameter, got ", values.size());
  for (size_t i = 0; i < values.size(); ++i) {
    const NamedShape& parameter = parameters[i];
    DDPM_CHECK(std::ssize(values[i]) == parameter.count(), who, ": ", parameter.name, " wanted ",
               parameter.count(), " values, got ", values[i].size());
    const int64_t bad = count_not_finite(values[i]);
    if (bad > 0) {
      throw NotFinite(concat(who, ": ", parameter.name, " has ", bad, " of ", values[i].size(),
                             " values that are not finite"));
    }
  }
}

std::string encode_parameters(const UNetConfig& unet,
                              const std::map<std::string, ParameterViews>& sets,
                              const std::map<std::string, std::string>& metadata) {
  const std::vector<NamedShape> parameters = unet_parameters(unet);
  std::vector<TensorToWrite> tensors;
  for (const auto& [prefix, values] : sets) {
    for (size_t i = 0; i < parameters.size(); ++i) {
      tensors.push_back({.name = prefix + parameters[i].name,
                         .dtype = DType::kF32,
                         .shape = parameters[i].shape,
                         .bytes = std::as_bytes(values[i])});
    }
  }
  return encode_safetensors(std::move(tensors), metadata);
}

ParameterValues read_parameters(const std::filesystem::path& path, const UNetConfig& unet,
                                const std::string& prefix,
                                std::span<const std::string> other_prefixes) {
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
  ParameterValues values;
  for (const NamedShape& parameter : wanted) {
    values.push_back(
        finite_floats(file, parameter.name, concat(path.string(), ": ", parameter.name)));
  }
  return values;
}

}  // namespace ddpm
