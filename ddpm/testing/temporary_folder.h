// A folder of a test's own.

#pragma once

#include <unistd.h>

#include <cstdint>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <stdexcept>
#include <string>
#include <string_view>

namespace ddpm {

// A new, empty folder, removed with everything in it at the end. Converts to its path.
class TemporaryFolder {
 public:
  enum class Place {
    kMemory,  // if the system has such a place: some tests make files by the thousand
    kDisk     // for large files, and for what depends on a real file system
  };

  explicit TemporaryFolder(Place place = Place::kMemory) : path_(make(place)) {}
  ~TemporaryFolder() {
    std::error_code ignored;
    std::filesystem::remove_all(path_, ignored);
  }
  TemporaryFolder(const TemporaryFolder&) = delete;
  TemporaryFolder& operator=(const TemporaryFolder&) = delete;

  const std::filesystem::path& path() const { return path_; }
  operator const std::filesystem::path&() const { return path_; }  // NOLINT: it stands for its path
  std::filesystem::path operator/(const std::filesystem::path& name) const { return path_ / name; }

  // Writes a file, and the folders that it needs. Returns its path. `name` may also be the whole
  // path of a file in this folder. A file that exists is overwritten in place.
  std::filesystem::path write(const std::filesystem::path& name, std::string_view bytes) const {
    const std::filesystem::path file = path_ / name;
    std::filesystem::create_directories(file.parent_path());
    std::ofstream(file, std::ios::binary) << bytes;
    return file;
  }

  // The bytes of a file. Throws std::runtime_error if it cannot be opened.
  std::string read(const std::filesystem::path& name) const {
    std::ifstream file(path_ / name, std::ios::binary);
    if (!file) throw std::runtime_error("cannot open " + (path_ / name).string());
    return {std::istreambuf_iterator<char>(file), {}};
  }

  // How many files and folders lie in it, without those below.
  int64_t entries() const { return std::distance(std::filesystem::directory_iterator(path_), {}); }

 private:
  static std::filesystem::path make(Place place) {
    const std::filesystem::path memory = "/dev/shm";
    const bool in_memory = place == Place::kMemory && ::access(memory.c_str(), W_OK) == 0;
    const std::filesystem::path root = in_memory ? memory : std::filesystem::temp_directory_path();
    std::string name = (root / ("ddpm-test-" + std::string(6, 'X'))).string();  // for mkdtemp
    if (::mkdtemp(name.data()) == nullptr) throw std::runtime_error("cannot make " + name);
    return name;
  }

  std::filesystem::path path_;
};

}  // namespace ddpm
