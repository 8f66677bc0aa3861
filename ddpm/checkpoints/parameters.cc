#include "ddpm/checkpoints/parameters.h"

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <set>
#include <utility>

#include "ddpm/base/check.h"
#include "ddpm/base/text.h"
#include "ddpm/formats/safetensors.h"

namespace ddpm {

namespace {

constexpr size_t kMostFaultsTold = 10;

bool starts_with(const std::string& text, const std::string& prefix) {
  return text.compare(0, prefix.size(), prefix) == 0;
}

// What is wrong with the names and shapes of a file, a phrase a tensor.
std::vector<std::string> faults_of(const SafetensorsFile& file,
                                   const std::vector<NamedShape>& wanted, const std::string& prefix,
                                   std::span<const std::string> other_prefixes) {
  std::vector<std::string> faults;
  std::set<std::string> known;
  for (const NamedShape& parameter : wanted) {
    const std::string name = prefix + parameter.name;
    known.insert(name);
    const auto found = file.tensors().find(name);
    if (found == file.tensors().end()) {
      faults.push_back("no " + name);
    } else if (found->second.shape != parameter.shape) {
      faults.push_back(concat(name, " wanted ", shape_text(parameter.shape), ", got ",
                              shape_text(found->second.shape)));
    }
  }
  for (const auto& entry : file.tensors()) {
    const std::string& name = entry.first;
    const bool others = std::any_of(other_prefixes.begin(), other_prefixes.end(),
                                    [&](const auto& other) { return starts_with(name, other); });
    if (!others && known.count(name) == 0) faults.push_back(name + " left over");
  }
  return faults;
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
    const auto bad = std::count_if(values[i].begin(), values[i].end(),
                                   [](float value) { return !std::isfinite(value); });
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
  const std::vector<NamedShape> parameters = unet_parameters(unet);
  std::vector<std::string> faults = faults_of(file, parameters, prefix, other_prefixes);
  if (!faults.empty()) {
    const size_t count = faults.size();
    if (count > kMostFaultsTold) faults.resize(kMostFaultsTold);
    throw FormatError(concat(path.string(), ": not the tensors of this network, ", count,
                             count == 1 ? " difference: " : " differences: ", join(faults, "; "),
                             count > kMostFaultsTold ? "; .." : ""));
  }
  ParameterValues values;
  for (const NamedShape& parameter : parameters) {
    const std::string name = prefix + parameter.name;
    values.push_back(as_floats(file.tensors().at(name), concat(path.string(), ": ", name)));
  }
  return values;
}

}  // namespace ddpm
