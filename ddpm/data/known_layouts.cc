#include <algorithm>
#include <array>
#include <fstream>
#include <system_error>
#include <vector>

#include "ddpm/base/check.h"
#include "ddpm/base/text.h"
#include "ddpm/data/known_layouts_internal.h"
#include "ddpm/formats/archive.h"

namespace ddpm {
namespace {

namespace fs = std::filesystem;

constexpr size_t kLongestEnding = 12;  // with its dot

std::string_view base_name(std::string_view name) {
  return name.substr(name.rfind('/') + 1);  // npos + 1 == 0
}

bool is_folder(const fs::path& path) {
  std::error_code error;
  return fs::is_directory(path, error);
}

bool is_file(const fs::path& path) {
  std::error_code error;
  return fs::is_regular_file(path, error);
}

// data_batch_1 .. data_batch_5 and test_batch of CIFAR-10's Python version, and what lies beside.
bool is_cifar_pickle(std::string_view base) {
  const bool batch = base.starts_with("data_batch_") && base.find('.') == std::string_view::npos;
  return batch || base == "test_batch" || base == "batches.meta";
}

bool is_cifar_binary(std::string_view base) {
  return (base.starts_with("data_batch_") || base == "test_batch.bin") && base.ends_with(".bin");
}

bool holds_many_images(const std::string& ending) {
  constexpr std::array<const char*, 12> kEndings = {".parquet", ".arrow", ".tfrecord", ".tfrecords",
                                                    ".h5",      ".hdf5",  ".mat",      ".npy",
                                                    ".npz",     ".lmdb",  ".mdb",      ".pkl"};
  return std::find(kEndings.begin(), kEndings.end(), ending) != kEndings.end();
}

void keep_first(std::string& kept, const std::string& name) {
  if (kept.empty()) kept = name;
}

}  // namespace

bool is_idx_images(std::string_view base) {
  const bool idx = base.ends_with("idx3-ubyte") || base.ends_with("idx3-ubyte.gz");
  return idx && base.find("images") != std::string_view::npos;
}

void LayoutHints::see(const std::string& name) {
  const std::string_view base = base_name(name);
  if (is_cifar_pickle(base)) keep_first(cifar_pickle_, name);
  if (is_cifar_binary(base)) keep_first(cifar_binary_, name);
  if (is_idx_images(base)) keep_first(idx_images_, name);
  if (is_archive_name(std::string(base))) keep_first(archive_, name);
  if (holds_many_images(ending_of(base))) keep_first(array_, name);
}

std::string LayoutHints::advice(const fs::path& path) const {
  const bool in_archive = is_archive_name(path) && !is_folder(path);
  const auto shown = [&](const std::string& name) { return escaped((path / name).string()); };
  if (!cifar_pickle_.empty()) {
    return concat(escaped(cifar_pickle_),
                  " belongs to CIFAR-10's Python version, which is pickled "
                  "and therefore not read; give the folder of the binary version "
                  "(cifar-10-binary.tar.gz)");
  }
  if (!cifar_binary_.empty()) {
    if (in_archive) return "this is CIFAR-10's binary version; unpack it and give its folder";
    return concat("give the folder of CIFAR-10's binary version itself: ",
                  escaped((path / cifar_binary_).parent_path().string()));
  }
  if (!idx_images_.empty()) {
    return in_archive ? concat("unpack it and give ", escaped(idx_images_))
                      : concat("give the IDX file itself: ", shown(idx_images_));
  }
  if (!archive_.empty()) {
    return in_archive ? concat("unpack it and give ", escaped(archive_))
                      : concat("give the archive itself: ", shown(archive_));
  }
  if (!array_.empty()) {
    return concat(escaped(array_),
                  " may hold many images in one file; save them as PNG files and "
                  "give their folder");
  }
  return "";
}

void refuse_hugging_face_cache(const fs::path& folder) {
  if (!is_folder(folder / "snapshots") || !is_folder(folder / "blobs")) return;
  std::vector<std::string> snapshots;
  std::error_code error;
  for (fs::directory_iterator next(folder / "snapshots", error), end; !error && next != end;
       next.increment(error)) {
    snapshots.push_back(next->path().string());
  }
  if (snapshots.empty()) return;
  std::sort(snapshots.begin(), snapshots.end());
  std::ifstream ref;
  if (is_file(folder / "refs" / "main")) ref.open(folder / "refs" / "main");
  std::string hash;
  std::getline(ref, hash);
  const std::string main = (folder / "snapshots" / hash).string();
  const bool known = !hash.empty() && std::count(snapshots.begin(), snapshots.end(), main) > 0;
  throw InvalidArgument(concat("data: expected a folder of images, got ", escaped(folder.string()),
                               ", a folder of a Hugging Face cache; give one snapshot of it: ",
                               escaped(known ? main : snapshots.front())));
}

fs::path mnist_file(const fs::path& folder, bool test) {
  const std::string part = test ? "t10k" : "train";
  for (const char* rest : {"-images-idx3-ubyte", "-images.idx3-ubyte"}) {
    for (const char* packed : {"", ".gz"}) {
      fs::path file = folder / (part + rest + packed);
      if (is_file(file)) return file;
    }
  }
  return {};
}

std::string ending_of(std::string_view name) {
  const std::string_view base = base_name(name);
  const size_t dot = base.rfind('.');
  if (dot == std::string_view::npos || dot == 0 || dot + 1 == base.size()) return "no ending";
  if (base.size() - dot > kLongestEnding) return "other endings";
  return lower_case(base.substr(dot));
}

}  // namespace ddpm
