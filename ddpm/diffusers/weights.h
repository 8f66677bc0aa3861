// The weights of a network as they lie in one safetensors file or in several.

#pragma once

#include <functional>
#include <map>
#include <memory>
#include <set>
#include <string>
#include <vector>

#include "ddpm/diffusers/weights_files.h"
#include "ddpm/formats/safetensors.h"
#include "ddpm/unet/config.h"
#include "ddpm/unet/parameters.h"

namespace ddpm {

// Opened files: their headers checked, no number read yet.
class Weights {
 public:
  // Throws IoError; FormatError for a damaged file, a shard that is missing or that holds other
  // tensors than its index says, names of attention that contradict each other. Old names of
  // attention are known by their new ones from here on.
  explicit Weights(const WeightsFiles& files);

  // In the order of the names that the index has for them.
  const std::vector<std::filesystem::path>& files() const { return paths_; }

  std::set<DType> dtypes() const;

  // Throws FormatError unless these are exactly the tensors of the network, of floating dtypes: see
  // mismatch.h.
  void check(const UNetConfig& unet) const;

  // Calls take(k, values) for each k of unet_parameters(unet), with float32 in row-major order, one
  // at a time. Throws what check throws, before the first call; FormatError that names the tensor
  // and how many of its values are not finite.
  void read(const UNetConfig& unet,
            const std::function<void(size_t k, std::vector<float> values)>& take) const;

  // One tensor as float32 in row-major order, by its name of today; several threads may ask at
  // once. Throws IoError, also if a file was changed since it was opened, and FormatError as read
  // does; InvalidArgument if there is no such tensor.
  std::vector<float> values(const std::string& name) const;

 private:
  struct Place {
    size_t file;       // of files_
    std::string name;  // in it
  };

  void open_whole(const std::filesystem::path& path);
  void open_shards(const std::filesystem::path& path);
  void rename_attention();
  const TensorPlace& place_of(const Place& place) const;
  std::string told(const Place& place) const;  // "path: name"

  std::string who_;  // the file or the index
  std::vector<std::filesystem::path> paths_;
  std::vector<SafetensorsFile> files_;
  std::map<std::string, Place> tensors_;  // by today's names
};

// Every file that is read for them: the whole one, or the index and its shards. Throws FormatError
// for one that is no file.
std::vector<std::filesystem::path> paths_of(const WeightsFiles& files);

// The elements of one tensor as float32. Throws FormatError that starts with `who` for a dtype that
// is not floating, and for elements that are not finite, with their number.
std::vector<float> finite_floats(const SafetensorsFile& file, const std::string& name,
                                 const std::string& who);

}  // namespace ddpm
