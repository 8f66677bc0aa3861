#include "ddpm/diffusers/weights.h"

#include <system_error>
#include <utility>

#include "ddpm/base/check.h"
#include "ddpm/base/file.h"
#include "ddpm/base/finite.h"
#include "ddpm/base/json.h"
#include "ddpm/diffusers/attention_names.h"
#include "ddpm/diffusers/mismatch.h"
#include "ddpm/diffusers/shard_index.h"
#include "ddpm/unet/parameters.h"

namespace ddpm {

namespace fs = std::filesystem;

namespace {

constexpr int64_t kMaxIndexBytes = 1 << 24;

// Throws unless a file can be read at this name.
void check_is_file(const fs::path& path, const std::string& wanted_by) {
  std::error_code error;
  const fs::file_status status = fs::status(path, error);
  if (fs::is_regular_file(status)) return;
  const bool dangling = fs::is_symlink(fs::symlink_status(path, error)) && !fs::exists(status);
  throw FormatError(concat(path.string(), ": wanted a file", wanted_by, ", got ",
                           dangling             ? "a link that leads nowhere"
                           : fs::exists(status) ? "a folder or a device"
                                                : "nothing"));
}

ShardIndex read_index(const fs::path& path) {
  check_is_file(path, "");
  return parse_shard_index(read_file(path, kMaxIndexBytes), path.string());
}

std::vector<fs::path> shards_of(const ShardIndex& index, const fs::path& folder) {
  std::set<std::string> names;
  for (const auto& [tensor, file] : index.file_of) names.insert(file);
  std::vector<fs::path> paths;
  for (const std::string& name : names) paths.push_back(folder / name);
  return paths;
}

bool is_floating(DType dtype) {
  return dtype == DType::kF64 || dtype == DType::kF32 || dtype == DType::kF16 ||
         dtype == DType::kBF16;
}

void check_floating(const TensorPlace& tensor, const std::string& who) {
  if (!is_floating(tensor.dtype)) {
    throw FormatError(concat(who, ": expected F64, F32, F16 or BF16, got ", name_of(tensor.dtype)));
  }
}

}  // namespace

std::vector<float> finite_floats(const SafetensorsFile& file, const std::string& name,
                                 const std::string& who) {
  check_floating(file.tensors().at(name), who);
  std::vector<float> values = file.floats(name, who);
  const int64_t bad = count_not_finite(values);
  if (bad > 0) {
    throw FormatError(
        concat(who, " has ", bad, " of ", values.size(), " values that are not finite in float32"));
  }
  return values;
}

Weights::Weights(const WeightsFiles& files)
    : who_((files.index.empty() ? files.whole : files.index).string()) {
  if (files.index.empty()) {
    open_whole(files.whole);
  } else {
    open_shards(files.index);
  }
  rename_attention();
}

void Weights::open_whole(const fs::path& path) {
  check_is_file(path, "");
  paths_ = {path};
  files_.emplace_back(path);
  for (const auto& [name, tensor] : files_[0].tensors()) tensors_[name] = {0, name};
}

// Every tensor has to be where the index says, and nothing else anywhere.
void Weights::open_shards(const fs::path& path) {
  const ShardIndex index = read_index(path);
  paths_ = shards_of(index, path.parent_path());
  int64_t bytes = 0;
  for (size_t k = 0; k < paths_.size(); ++k) {
    check_is_file(paths_[k], concat(" of ", path.filename().string()));
    files_.emplace_back(paths_[k]);
    for (const auto& [name, tensor] : files_[k].tensors()) {
      const auto [entry, is_new] = tensors_.emplace(name, Place{k, name});
      if (!is_new) {
        throw FormatError(concat(who_, ": tensor ", name_shown(name), " is in two files, ",
                                 paths_[entry->second.file].filename().string(), " and ",
                                 paths_[k].filename().string()));
      }
      bytes += tensor.bytes;
    }
  }
  for (const auto& [name, place] : tensors_) {
    const std::string file = paths_[place.file].filename().string();
    const auto entry = index.file_of.find(name);
    if (entry == index.file_of.end() || entry->second != file) {
      throw FormatError(
          concat(who_, ": ", file, " has the tensor ", name_shown(name), ", which the index ",
                 entry == index.file_of.end() ? "does not name" : "names in " + entry->second));
    }
  }
  for (const auto& [name, file] : index.file_of) {
    if (tensors_.count(name) == 0) {
      throw FormatError(concat(who_, ": tensor ", name_shown(name), " is not in ", file,
                               ", where the index says"));
    }
  }
  if (index.total_bytes && *index.total_bytes != bytes) {
    throw FormatError(concat(who_, ": total_size: wanted ", bytes,
                             ", the bytes of the tensors in these files, got ", *index.total_bytes,
                             "; perhaps the files of another save"));
  }
}

void Weights::rename_attention() {
  std::vector<std::string> names;
  for (const auto& [name, place] : tensors_) names.push_back(name);
  std::map<std::string, Place> renamed;
  for (const auto& [now, name] : with_new_attention_names(names, who_)) {
    renamed[now] = tensors_.at(name);
  }
  tensors_ = std::move(renamed);
}

const TensorPlace& Weights::place_of(const Place& place) const {
  return files_[place.file].tensors().at(place.name);
}

std::string Weights::told(const Place& place) const {
  return concat(paths_[place.file].string(), ": ", name_shown(place.name));
}

std::set<DType> Weights::dtypes() const {
  std::set<DType> dtypes;
  for (const auto& [name, place] : tensors_) dtypes.insert(place_of(place).dtype);
  return dtypes;
}

void Weights::check(const UNetConfig& unet) const {
  ShapesByName shapes;
  for (const auto& [name, place] : tensors_) shapes[name] = place_of(place).shape;
  const std::string report = mismatch_report(unet_parameters(unet), shapes);
  if (!report.empty()) throw FormatError(concat(who_, ": ", report));
  for (const auto& [name, place] : tensors_) check_floating(place_of(place), told(place));
}

void Weights::read(const UNetConfig& unet,
                   const std::function<void(size_t, std::vector<float>)>& take) const {
  check(unet);
  size_t k = 0;
  for (const NamedShape& parameter : unet_parameters(unet)) take(k++, values(parameter.name));
}

std::vector<float> Weights::values(const std::string& name) const {
  const auto found = tensors_.find(name);
  DDPM_CHECK(found != tensors_.end(), who_, ": has no tensor ", name_shown(name));
  const Place& place = found->second;
  return finite_floats(files_[place.file], place.name, told(place));
}

std::vector<fs::path> paths_of(const WeightsFiles& files) {
  if (files.index.empty()) {
    check_is_file(files.whole, "");
    return {files.whole};
  }
  std::vector<fs::path> paths = shards_of(read_index(files.index), files.index.parent_path());
  for (const fs::path& path : paths) {
    check_is_file(path, concat(" of ", files.index.filename().string()));
  }
  paths.push_back(files.index);
  return paths;
}

}  // namespace ddpm
