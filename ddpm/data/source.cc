#include "ddpm/data/source.h"

#include <algorithm>
#include <iterator>
#include <memory>
#include <system_error>
#include <utility>

#include "ddpm/base/check.h"
#include "ddpm/base/file.h"
#include "ddpm/base/foreign_file.h"
#include "ddpm/base/run_layout.h"
#include "ddpm/base/text.h"
#include "ddpm/data/image_files_internal.h"
#include "ddpm/data/known_layouts_internal.h"
#include "ddpm/data/listing_internal.h"
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
    "fashion-mnist, a folder of images, a .zip, .tar or .tar.gz of such, an IDX file (.gz too), or "
    "a folder of MNIST's IDX files or of CIFAR-10's binary version";

// An array file may be this large, inflated.
constexpr int64_t kMaxArrayBytes = int64_t{16} << 30;
constexpr int64_t kCifarRecordBytes = 3073;

std::vector<std::string> numbered_names(int64_t count) {
  std::vector<std::string> names;
  for (int64_t i = 0; i < count; ++i) names.push_back(concat("image ", i));
  return names;
}

// The bytes of an IDX file, decompressed if they are gzip. The header comes first, so that a file
// of another kind costs nothing, and one of other contents than it promises no more than those.
std::string read_idx(const fs::path& path, const std::string& shown, const GiveUp& give_up) {
  std::string bytes = read_file(path, kMaxArrayBytes);
  const std::string start = gunzip_start(bytes, kRecognisedBytes);
  // damage before the end of the header hides what it is
  const bool is_cut = start.size() < IdxShape::kHeaderBytes;
  if (is_cut) bytes = gunzip_if_needed(std::move(bytes), IdxShape::kHeaderBytes, shown, give_up);
  const std::string foreign = what_it_is(start);
  DDPM_CHECK(is_idx(as_bytes(start)), "data: expected ", kForms, ", got ", shown, ", ",
             foreign.empty() ? "a file of none of these kinds" : foreign);
  const IdxShape shape = idx_shape(as_bytes(start), shown);
  return gunzip_if_needed(std::move(bytes), std::min(shape.file_bytes, kMaxArrayBytes), shown,
                          give_up);
}

Source open_idx(const fs::path& path, const GiveUp& give_up) {
  const std::string shown = escaped(path.string());
  const auto bytes = std::make_shared<const std::string>(read_idx(path, shown, give_up));
  const IdxShape shape = idx_shape(as_bytes(*bytes), shown);
  if (shape.file_bytes != std::ssize(*bytes)) {
    throw FormatError(concat(shown, ": expected ", shape.file_bytes, " bytes, as ", shape.count,
                             " images of ", shape.height, "x", shape.width, " have, got ",
                             bytes->size()));
  }
  const auto decode = [bytes, shape](int64_t index) {
    Image image{shape.height, shape.width, 1, 8, {}};
    const auto size = static_cast<size_t>(shape.height * shape.width);
    const auto* pixels = reinterpret_cast<const uint8_t*>(bytes->data()) + IdxShape::kHeaderBytes +
                         static_cast<size_t>(index) * size;
    image.samples.assign(pixels, pixels + size);
    return image;
  };
  return {"IDX file " + shown, numbered_names(shape.count), decode};
}

// The records of CIFAR-10 files, one file after the other.
Source open_cifar(const std::vector<fs::path>& files, const std::string& description) {
  std::string records;
  for (const fs::path& file : files) {
    const std::string bytes = read_file(file, kMaxArrayBytes);
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

// A note of the training batches that a download or a copy has left out; none if all are there.
std::vector<std::string> missing_batches(const fs::path& folder) {
  constexpr int kBatches = 5;
  std::vector<std::string> missing;
  for (int i = 1; i <= kBatches; ++i) {
    const std::string name = concat("data_batch_", i, ".bin");
    if (!is_there(folder / name)) missing.push_back(name);
  }
  if (missing.empty()) return {};
  return {concat("of the ", kBatches, " training batches of CIFAR-10 ", join(missing, ", "),
                 missing.size() == 1 ? " is" : " are", " missing")};
}

// Counts the files of the folder beside `used`, whatever they are.
LeftOut files_beside(const fs::path& folder, const std::vector<fs::path>& used,
                     const GiveUp& give_up) {
  Listing listing = list_folder(folder, give_up);
  for (const std::string& name : listing.images) ++listing.left_out[ending_of(name)];
  for (const fs::path& file : used) {
    const auto kind = listing.left_out.find(ending_of(file.filename().string()));
    if (kind != listing.left_out.end() && --kind->second == 0) listing.left_out.erase(kind);
  }
  return std::move(listing.left_out);
}

Source open_folder(const fs::path& folder, const GiveUp& give_up) {
  const auto train = cifar_files(folder, false);
  const std::string shown = escaped(folder.string());
  const fs::path digits = train.empty() ? mnist_file(folder, false) : fs::path();
  if (!train.empty() || !digits.empty()) {
    Source source =
        train.empty() ? open_idx(digits, give_up) : open_cifar(train, "CIFAR-10 folder " + shown);
    if (!train.empty()) source.notes = missing_batches(folder);
    source.left_out = files_beside(folder, train.empty() ? std::vector{digits} : train, give_up);
    return source;
  }
  DDPM_CHECK(cifar_files(folder, true).empty() && mnist_file(folder, true).empty(),
             "data: expected training images in ", shown, ", got only test images; ", shown, kTest,
             " reads those");
  DDPM_CHECK(!is_run_folder(folder), "data: expected images, got ", shown,
             ", a run folder, which holds previews of samples; give the images that it was trained "
             "on, or sample from it with 'ddpm sample'");
  refuse_hugging_face_cache(folder);
  return open_image_folder(folder, give_up);
}

Source open_file(const fs::path& path, const DataOptions& options, const GiveUp& give_up) {
  const std::string shown = escaped(path.string());
  DDPM_CHECK(fs::is_regular_file(path), "data: expected ", kForms, ", got ", shown,
             ", which is neither a folder nor a file");
  if (is_archive_name(path)) return open_image_archive(path, options.archive_limit_bytes, give_up);
  if (is_image_name(path.string())) return open_image_file(path);
  if (lower_case(path.extension().string()) == ".bin") {
    return open_cifar({path}, "CIFAR-10 file " + shown);
  }
  LayoutHints hints;
  if (!is_idx_images(path.filename().string())) hints.see(path.filename().string());
  const std::string advice = hints.advice(path.parent_path());
  DDPM_CHECK(advice.empty(), "data: expected ", kForms, ", got ", shown, "; ", advice);
  return open_idx(path, give_up);
}

// FOLDER:test; nothing is known by that name itself.
Source open_test_part(const fs::path& folder, const GiveUp& give_up) {
  const fs::path digits = mnist_file(folder, true);
  if (!digits.empty()) return open_idx(digits, give_up);
  const auto test = cifar_files(folder, true);
  const std::string shown = escaped(folder.string());
  DDPM_CHECK(!test.empty(),
             "data: expected test_batch.bin of CIFAR-10 or t10k-images-idx3-ubyte of "
             "MNIST in ",
             shown, ", as ", kTest, " selects them, got a folder without them");
  return open_cifar(test, "CIFAR-10 test batch in " + shown);
}

[[noreturn]] void refuse(const std::string& spec) {
  const std::vector<std::string> known = {kFashionMnist, concat(kFashionMnist, kTest)};
  throw InvalidArgument(concat("data: expected ", kForms, ", got '", escaped(spec),
                               "', which does not exist", did_you_mean(spec, known)));
}

std::string counted(const std::map<std::string, int64_t>& counts, size_t most) {
  std::vector<std::pair<std::string, int64_t>> sorted(counts.begin(), counts.end());
  std::stable_sort(sorted.begin(), sorted.end(),
                   [](const auto& a, const auto& b) { return a.second > b.second; });
  std::string text;
  for (size_t i = 0; i < std::min(most, sorted.size()); ++i) {
    text += concat(i == 0 ? "" : ", ", escaped(sorted[i].first), " (",
                   with_thousands(sorted[i].second), ")");
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
    throw IoError(concat("data: fashion-mnist expects ", file.string(),
                         ", which is missing: install it with 'apt-get install "
                         "dataset-fashion-mnist' (Debian), or give any folder of images instead"));
  }
  Source source = open_idx(file, {});
  source.description =
      concat("Fashion-MNIST, ", test ? "test" : "training", " images, in ", folder.string());
  return source;
}

Source open_source(const DataOptions& options, const GiveUp& give_up) {
  const std::string& spec = options.spec;
  if (spec == kFashionMnist) return open_fashion_mnist(kFashionMnistFolder, false);
  if (spec == concat(kFashionMnist, kTest)) return open_fashion_mnist(kFashionMnistFolder, true);
  if (!spec.empty() && is_there(spec)) {
    return fs::is_directory(spec) ? open_folder(spec, give_up) : open_file(spec, options, give_up);
  }
  if (spec.size() > kTest.size() && spec.substr(spec.size() - kTest.size()) == kTest) {
    const std::string folder = spec.substr(0, spec.size() - kTest.size());
    if (is_there(folder)) return open_test_part(folder, give_up);
  }
  refuse(spec);
}

std::string left_out_text(const LeftOut& left_out) {
  return counted(left_out, DataReport::kNamesShown);
}

std::string DataReport::sizes_text() const { return counted(sizes, kNamesShown); }

std::string DataReport::lines() const {
  int64_t others = 0;
  for (const auto& kind : left_out) others += kind.second;
  std::string text =
      concat("data: ", source, "\nfound ", with_thousands(found), ", used ", with_thousands(used),
             ", unreadable ", with_thousands(unreadable), ", converted ", with_thousands(converted),
             ", left out ", with_thousands(others), "\n");
  if (others > 0) text += concat("left out: ", left_out_text(left_out), "\n");
  for (const std::string& note : notes) text += concat("note: ", note, "\n");
  if (!channels_rule.empty()) text += concat("channels: ", channels_rule, "\n");
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
