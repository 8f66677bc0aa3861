#include "ddpm/jobs/image_files.h"

#include <algorithm>
#include <cstdio>
#include <optional>
#include <set>
#include <system_error>
#include <utility>

#include "ddpm/base/check.h"
#include "ddpm/base/file.h"
#include "ddpm/base/text.h"

namespace ddpm {

namespace fs = std::filesystem;

namespace {

constexpr int64_t kLargestFile = int64_t{1} << 30;

constexpr const char* kIndex = "index";
constexpr const char* kDigest = "chain";  // named last: words say more than a digest
constexpr const char* kWayOut = "; choose another --out";

enum class Found { kNothing, kThisJob, kCutOff };

bool is_link(const fs::path& path) {
  std::error_code error;
  return fs::is_symlink(fs::symlink_status(path, error));
}

// Whether the file ends before its pixels begin, behind the chunk that names this program, and is
// this job's so far. Of what every image of the job begins with only IHDR depends on the image.
bool is_cut_before_pixels(const std::string& bytes, const PngText& job) {
  constexpr size_t kHeader = 8 + 25;  // the signature and IHDR
  constexpr size_t kFrame = 12;       // of a chunk: length, type, checksum
  const std::string whole = encode_png(Image{1, 1, 1, 8, {0}}, job);
  const size_t second_text = whole.find("tEXt", kHeader + kFrame) - 4;
  const size_t text_end = whole.find("IDAT") - 4;
  const size_t compared = std::min(bytes.size(), text_end);
  return bytes.size() >= second_text && bytes.size() < text_end + kFrame &&
         bytes.compare(0, 8, whole, 0, 8) == 0 &&
         bytes.compare(kHeader, compared - kHeader, whole, kHeader, compared - kHeader) == 0;
}

// What is at a name of this job's. Throws InvalidArgument if it is not this job's.
Found look_at(const fs::path& path, const PngText& job) {
  std::error_code error;
  const fs::file_type type = fs::status(path, error).type();
  if (type == fs::file_type::not_found && !is_link(path)) return Found::kNothing;
  DDPM_CHECK(type == fs::file_type::regular, path.string(),
             ": expected an image of this job or nothing, got ",
             type == fs::file_type::directory ? "a folder" : "something else", kWayOut);
  const std::string bytes = read_file(path, kLargestFile);
  if (is_cut_before_pixels(bytes, job)) return Found::kCutOff;
  PngText text;
  try {
    text = read_png_head_text(as_bytes(bytes), path.string());
  } catch (const FormatError&) {
    text.clear();
  }
  DDPM_CHECK(text.count(kDigest) > 0, path.string(),
             ": expected an image of this job or nothing, got a file that `ddpm sample` of this ",
             "version did not make", kWayOut);
  const std::string difference = difference_of_jobs(text, job);
  DDPM_CHECK(difference.empty(), path.string(), " is of another job: ", difference, kWayOut);
  try {
    decode_png(as_bytes(bytes), path.string());
  } catch (const FormatError&) {
    return Found::kCutOff;
  }
  return Found::kThisJob;
}

PngText with_index(PngText job, int64_t index) {
  job[kIndex] = std::to_string(index);
  return job;
}

// The number that a name stands for, written as image_file writes it.
std::optional<int64_t> index_of(const fs::path& path) {
  const std::string stem = path.stem().string();
  const auto index = parse_int(stem);
  const bool known = index && *index >= 0 && path.filename() == image_file({}, *index);
  return known ? index : std::nullopt;
}

// The numbers in [first, first + count) that have a file, rising. A folder is listed once: to ask
// for each name would take as long as a job is large, however few files there are.
std::vector<int64_t> numbers_there(const fs::path& folder, int64_t first, int64_t count) {
  std::vector<int64_t> numbers;
  std::error_code error;
  fs::directory_iterator entry(folder, error);
  if (error == std::errc::no_such_file_or_directory) return numbers;
  for (; !error && entry != fs::directory_iterator(); entry.increment(error)) {
    const auto index = index_of(entry->path());
    if (index && *index >= first && *index - first < count) numbers.push_back(*index);
  }
  if (error) throw IoError(concat("cannot list ", folder.string(), ": ", error.message()));
  std::sort(numbers.begin(), numbers.end());
  return numbers;
}

}  // namespace

fs::path image_file(const fs::path& folder, int64_t index) {
  char name[32];
  std::snprintf(name, sizeof(name), "%06lld.png", static_cast<long long>(index));
  return folder / name;
}

std::string encode_job_image(const Image& image, const PngText& job, int64_t index) {
  return encode_png(image, with_index(job, index));
}

std::string difference_of_jobs(const PngText& found, const PngText& job) {
  std::set<std::string> keys;
  for (const PngText* text : {&found, &job}) {
    for (const auto& [key, value] : *text) keys.insert(key);
  }
  keys.erase(kDigest);
  std::vector<std::string> order(keys.begin(), keys.end());
  order.emplace_back(kDigest);
  const auto shown = [](const PngText& text, const std::string& key) {
    const auto entry = text.find(key);
    return entry == text.end() ? std::string("missing") : escaped(entry->second);
  };
  for (const std::string& key : order) {
    if (found.count(key) == job.count(key) && shown(found, key) == shown(job, key)) continue;
    return concat("its ", key, " is ", shown(found, key), ", expected ", shown(job, key));
  }
  return "";
}

MissingImages::MissingImages(int64_t first, int64_t count, std::vector<int64_t> done)
    : next_(first), end_(first + count), size_(count - std::ssize(done)), done_(std::move(done)) {}

std::vector<int64_t> MissingImages::next(int64_t count) {
  std::vector<int64_t> numbers;
  for (; next_ < end_ && std::ssize(numbers) < count; ++next_) {
    if (passed_ < done_.size() && done_[passed_] == next_) {
      ++passed_;
    } else {
      numbers.push_back(next_);
    }
  }
  return numbers;
}

MissingImages missing_images(const fs::path& folder, const PngText& job, int64_t first,
                             int64_t count) {
  std::vector<int64_t> done;
  for (const int64_t index : numbers_there(folder, first, count)) {
    const Found found = look_at(image_file(folder, index), with_index(job, index));
    if (found == Found::kThisJob) done.push_back(index);
  }
  return {first, count, done};
}

void check_is_of_job(const fs::path& path, const PngText& job) { look_at(path, job); }

std::vector<Image> read_images(const fs::path& folder, const PngText& job, int64_t first,
                               int64_t count) {
  std::vector<Image> images;
  for (int64_t index = first; index < first + count; ++index) {
    const fs::path path = image_file(folder, index);
    const std::string bytes = read_file(path, kLargestFile);
    images.push_back(decode_png(as_bytes(bytes), path.string()));
    const Image& image = images.back();
    DDPM_CHECK(image.height == images[0].height && image.width == images[0].width, path.string(),
               ": expected an image of ", images[0].height, "x", images[0].width,
               " pixels, as the others are, got ", image.height, "x", image.width, kWayOut);
    const PngText found = read_png_head_text(as_bytes(bytes), path.string());
    const std::string difference = difference_of_jobs(found, with_index(job, index));
    DDPM_CHECK(difference.empty(), path.string(), " became one of another job: ", difference,
               kWayOut);
  }
  return images;
}

}  // namespace ddpm
