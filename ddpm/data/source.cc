#include "ddpm/data/source.h"

#include <algorithm>
#include <iterator>
#include <memory>
#include <system_error>
#include <utility>

#include "ddpm/base/check.h"
#include "ddpm/base/file.h"
#include "ddpm/base/text.h"
#include "ddpm/data/image_files_internal.h"
#include "ddpm/formats/archive.h"
#include "ddpm/formats/cifar.h"
#include "ddpm/formats/idx.h"

namespace ddpm {
namespace {

namespace fs = std::filesystem;

constexpr const char* kFashionMnist = "fashion-mnist";
constexpr const char* kFashionMnistFolder = "/usr/share/datasets/fashion-mnist";
constexpr std::string_view kTest = ":test";
constexpr const char* kForms =
    "fashion-mnist, a folder of PNG and JPEG files, a .zip, .tar or .tar.gz of such, an IDX file "
    "(.gz too), or a folder or .bin file of CIFAR-10's binary version";

// An array file may be this large, inflated.
constexpr int64_t kMostArrayBytes = int64_t{16} << 30;
constexpr int64_t kCifarRecordBytes = 3073;

std::vector<std::string> numbered_names(int64_t count) {
  std::vector<std::string> names;
  for (int64_t i = 0; i < count; ++i) names.push_back(concat("image ", i));
  return names;
}

Source idx_source(const std::string& bytes, const fs::path& path) {
  const auto images = std::make_shared<const IdxImages>(decode_idx(as_bytes(bytes), path.string()));
  const auto decode = [images](int64_t index) {
    Image image{images->height, images->width, 1, 8, {}};
    const auto begin = images->pixels.begin() + index * image.height * image.width;
    image.samples.assign(begin, begin + image.height * image.width);
    return image;
  };
  return {"IDX file " + path.string(), numbered_names(images->count), decode};
}

Source open_idx(const fs::path& path) {
  return idx_source(
      gunzip_if_needed(read_file(path, kMostArrayBytes), kMostArrayBytes, path.string()), path);
}

// The records of CIFAR-10 files, one file after the other.
Source open_cifar(const std::vector<fs::path>& files, const std::string& description) {
  std::string records;
  for (const fs::path& file : files) {
    const std::string bytes = read_file(file, kMostArrayBytes);
    decode_cifar10(as_bytes(bytes), file.string());  // throws if the file is none
    records += bytes;
  }
  const auto count = static_cast<int64_t>(records.size()) / kCifarRecordBytes;
  const auto shared = std::make_shared<const std::string>(std::move(records));
  const auto decode = [shared](int64_t index) {
    const auto record = as_bytes(*shared).subspan(static_cast<size_t>(index * kCifarRecordBytes),
                                                  static_cast<size_t>(kCifarRecordBytes));
    return std::move(decode_cifar10(record, concat("image ", index)).front());
  };
  return {description, numbered_names(count), decode};
}

// The training or test batches of CIFAR-10 that lie in the folder, in the order of their names.
std::vector<fs::path> cifar_files(const fs::path& folder, bool test) {
  const std::string begin = test ? "test_batch" : "data_batch_";
  std::vector<fs::path> files;
  std::error_code error;
  for (fs::directory_iterator next(folder, error), end; !error && next != end;
       next.increment(error)) {
    const std::string name = next->path().filename().string();
    if (name.rfind(begin, 0) == 0 && next->path().extension() == ".bin") {
      files.push_back(next->path());
    }
  }
  std::sort(files.begin(), files.end());
  return files;
}

bool is_there(const fs::path& path) {
  std::error_code error;
  return fs::exists(path, error);
}

Source open_folder(const fs::path& folder) {
  const auto train = cifar_files(folder, false);
  if (!train.empty()) return open_cifar(train, "CIFAR-10 folder " + folder.string());
  DDPM_CHECK(cifar_files(folder, true).empty(), "data: wanted data_batch_*.bin in ",
             folder.string(), ", got only test_batch.bin; ", folder.string(), kTest, " reads that");
  return open_image_folder(folder);
}

Source open_file(const fs::path& path, const DataOptions& options) {
  DDPM_CHECK(fs::is_regular_file(path), "data: wanted ", kForms, ", got ", path.string(),
             ", which is neither a folder nor a file");
  if (is_archive_name(path)) return open_image_archive(path, options.archive_limit_bytes);
  if (is_image_name(path.string())) return open_image_file(path);
  if (lower_case(path.extension().string()) == ".bin") {
    return open_cifar({path}, "CIFAR-10 file " + path.string());
  }
  const std::string bytes =
      gunzip_if_needed(read_file(path, kMostArrayBytes), kMostArrayBytes, path.string());
  DDPM_CHECK(is_idx(as_bytes(bytes)), "data: wanted ", kForms, ", got ", path.string(),
             ", a file of none of these kinds");
  return idx_source(bytes, path);
}

// FOLDER:test; nothing is known by that name itself.
Source open_test_part(const fs::path& folder) {
  const auto test = cifar_files(folder, true);
  DDPM_CHECK(!test.empty(), "data: wanted test_batch.bin of CIFAR-10 in ", folder.string(), ", as ",
             kTest, " says, got a folder without it");
  return open_cifar(test, "CIFAR-10 test batch in " + folder.string());
}

[[noreturn]] void refuse(const std::string& spec) {
  const std::vector<std::string> known = {kFashionMnist, concat(kFashionMnist, kTest)};
  throw InvalidArgument(concat("data: wanted ", kForms, ", got '", spec, "', which does not exist",
                               did_you_mean(spec, known)));
}

std::string counted(const std::map<std::string, int64_t>& counts, size_t most) {
  std::vector<std::pair<std::string, int64_t>> sorted(counts.begin(), counts.end());
  std::stable_sort(sorted.begin(), sorted.end(),
                   [](const auto& a, const auto& b) { return a.second > b.second; });
  std::string text;
  for (size_t i = 0; i < std::min(most, sorted.size()); ++i) {
    text +=
        concat(i == 0 ? "" : ", ", sorted[i].first, " (", with_thousands(sorted[i].second), ")");
  }
  const auto left = std::ssize(sorted) - static_cast<int64_t>(most);
  if (left > 0) text += concat(" and ", with_thousands(left), " more");
  return text;
}

}  // namespace

Source open_fashion_mnist(const fs::path& folder, bool test) {
  const fs::path file =
      folder / (test ? "t10k-images-idx3-ubyte.gz" : "train-images-idx3-ubyte.gz");
  if (!is_there(file)) {
    throw IoError(concat("data: fashion-mnist wants ", file.string(),
                         ", which is missing: install it with 'apt-get install "
                         "dataset-fashion-mnist' (Debian), or give any folder of images instead"));
  }
  Source source = open_idx(file);
  source.description =
      concat("Fashion-MNIST, ", test ? "test" : "training", " images, in ", folder.string());
  return source;
}

Source open_source(const DataOptions& options) {
  const std::string& spec = options.spec;
  if (spec == kFashionMnist) return open_fashion_mnist(kFashionMnistFolder, false);
  if (spec == concat(kFashionMnist, kTest)) return open_fashion_mnist(kFashionMnistFolder, true);
  if (!spec.empty() && is_there(spec)) {
    return fs::is_directory(spec) ? open_folder(spec) : open_file(spec, options);
  }
  if (spec.size() > kTest.size() && spec.substr(spec.size() - kTest.size()) == kTest) {
    const std::string folder = spec.substr(0, spec.size() - kTest.size());
    if (is_there(folder)) return open_test_part(folder);
  }
  refuse(spec);
}

std::string DataReport::sizes_text() const { return counted(sizes, kNamesShown); }

std::string DataReport::lines() const {
  std::string text = concat("data: ", source, "\nfound ", with_thousands(found), ", used ",
                            with_thousands(used), ", unreadable ", with_thousands(unreadable),
                            ", converted ", with_thousands(converted), "\n");
  text += concat("sizes (height x width): ", sizes_text());
  if (fitted > 0) text += concat("; ", with_thousands(fitted), " made to fit");
  text += "\n";
  if (converted > 0) text += concat("converted: ", counted(conversions, kNamesShown), "\n");
  for (const std::string& name : bad_names) text += concat("unreadable: ", name, "\n");
  if (unreadable > std::ssize(bad_names)) {
    text += concat("unreadable: ", with_thousands(unreadable - std::ssize(bad_names)), " more\n");
  }
  return text;
}

}  // namespace ddpm
