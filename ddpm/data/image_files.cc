#include <algorithm>
#include <array>
#include <map>
#include <memory>
#include <set>
#include <system_error>
#include <utility>
#include <vector>

#include "ddpm/base/check.h"
#include "ddpm/base/file.h"
#include "ddpm/base/text.h"
#include "ddpm/data/image_files_internal.h"
#include "ddpm/formats/archive.h"
#include "ddpm/formats/jpeg.h"
#include "ddpm/formats/png.h"

namespace ddpm {
namespace {

namespace fs = std::filesystem;

// Throws IoError unless there is an image; `others` are the files that are none.
void check_any_image(const Source& source, int64_t others, const std::string& example) {
  if (source.count() > 0) return;
  std::string got = "no file at all";
  if (others > 0) got = concat("none among ", with_thousands(others), " files such as ", example);
  throw FormatError(concat("data: wanted images, files that end in ", kImageEndings,
                           " and are not hidden, in ", source.description, ", got ", got));
}

// Walks a folder tree in the order of its names.
class FolderWalk {
 public:
  explicit FolderWalk(const fs::path& top) : top_(top) { enter(top); }

  std::vector<std::string> names;  // relative to the top, "/" between folders
  int64_t others = 0;              // files of other endings
  std::string example;             // the first of them

 private:
  void enter(const fs::path& folder) {
    std::error_code error;
    const fs::path real = fs::canonical(folder, error);
    if (error) fail(folder, error);
    if (!entered_.insert(real).second) return;  // a link led here again
    std::vector<fs::path> entries;
    fs::directory_iterator next(folder, error);
    while (!error && next != fs::directory_iterator()) {
      entries.push_back(next->path());
      next.increment(error);
    }
    if (error) fail(folder, error);
    std::sort(entries.begin(), entries.end());
    for (const fs::path& entry : entries) visit(entry);
  }

  void visit(const fs::path& entry) {
    if (is_hidden_name(entry.filename().string())) return;
    std::error_code error;
    const fs::file_status status = fs::status(entry, error);
    if (fs::is_directory(status)) return enter(entry);
    // a link to nothing, or one that may not be followed, counts as a file that cannot be read
    const bool special = fs::exists(status) && !fs::is_regular_file(status);
    if (special) return;
    const std::string name = entry.lexically_relative(top_).generic_string();
    if (is_image_name(name)) {
      names.push_back(name);
    } else if (others++ == 0) {
      example = name;
    }
  }

  [[noreturn]] static void fail(const fs::path& folder, std::error_code error) {
    throw IoError(concat("cannot list the folder ", folder.string(), ": ", error.message()));
  }

  fs::path top_;
  std::set<fs::path> entered_;
};

// The images of an archive by their names, without a leading "./".
struct ArchiveImages {
  std::map<std::string, std::string> bytes;  // of an entry that comes twice, the last, as unpacking
  std::set<std::string> too_large;
  int64_t others = 0;
  std::string example;
};

std::string plain_name(std::string name) {
  while (name.rfind("./", 0) == 0) name.erase(0, 2);
  return name;
}

ArchiveImages read_archive(const fs::path& path, int64_t limit_bytes) {
  ArchiveImages images;
  int64_t total = 0;
  const auto wanted = [&](const std::string& entry) {
    const std::string name = plain_name(entry);
    if (is_hidden_name(name)) return false;
    if (!is_image_name(name) && images.others++ == 0) images.example = name;
    return is_image_name(name);
  };
  const auto take = [&](ArchiveEntry entry, bool too_large) {
    total += static_cast<int64_t>(entry.bytes.size());
    DDPM_CHECK(total <= limit_bytes, "data: wanted an archive with at most ",
               readable_bytes(limit_bytes), " of image files, got more in ", path.string(),
               "; unpack it and give the folder");
    const std::string name = plain_name(std::move(entry.name));
    if (too_large) images.too_large.insert(name);
    if (!too_large) images.too_large.erase(name);
    images.bytes[name] = std::move(entry.bytes);
  };
  for_each_archive_entry(path, kMostFileBytes, wanted, take);
  return images;
}

}  // namespace

bool is_image_name(std::string_view name) {
  static constexpr std::array<std::string_view, 3> kEndings = {".png", ".jpg", ".jpeg"};
  const std::string lower = lower_case(name);
  return std::any_of(kEndings.begin(), kEndings.end(), [&](std::string_view ending) {
    return lower.size() > ending.size() &&
           lower.compare(lower.size() - ending.size(), ending.size(), ending) == 0;
  });
}

bool is_hidden_name(std::string_view name) {
  for (const std::string& part : split(name, '/')) {
    if (part == "__MACOSX" || (part.size() > 1 && part[0] == '.' && part != "..")) return true;
  }
  return false;
}

Image decode_image(std::span<const std::byte> bytes, const std::string& who) {
  if (bytes.empty()) throw FormatError(concat(who, ": wanted an image, got an empty file"));
  if (is_png(bytes)) return decode_png(bytes, who);
  if (is_jpeg(bytes)) return decode_jpeg(bytes, who);
  throw FormatError(concat(who, ": wanted a PNG or JPEG image, got bytes of neither"));
}

Source open_image_folder(const fs::path& folder) {
  FolderWalk walk(folder);
  Source source{"folder " + folder.string(), std::move(walk.names), {}};
  check_any_image(source, walk.others, walk.example);
  std::sort(source.names.begin(), source.names.end());
  source.decode = [folder, names = source.names](int64_t index) {
    const std::string& name = names[static_cast<size_t>(index)];
    return decode_image(as_bytes(read_file(folder / name, kMostFileBytes)), name);
  };
  return source;
}

Source open_image_archive(const fs::path& archive, int64_t limit_bytes) {
  auto images = std::make_shared<const ArchiveImages>(read_archive(archive, limit_bytes));
  Source source{"archive " + archive.string(), {}, {}};
  std::vector<const std::string*> files;
  for (const auto& [name, bytes] : images->bytes) {
    source.names.push_back(name);
    files.push_back(&bytes);
  }
  check_any_image(source, images->others, images->example);
  source.decode = [images, files, names = source.names](int64_t index) {
    const std::string& name = names[static_cast<size_t>(index)];
    if (images->too_large.count(name) > 0) {
      throw FormatError(
          concat(name, ": wanted at most ", readable_bytes(kMostFileBytes), ", got a larger file"));
    }
    return decode_image(as_bytes(*files[static_cast<size_t>(index)]), name);
  };
  return source;
}

Source open_image_file(const fs::path& file) {
  const std::string name = file.filename().string();
  return {"file " + file.string(), {name}, [file, name](int64_t) {
            return decode_image(as_bytes(read_file(file, kMostFileBytes)), name);
          }};
}

}  // namespace ddpm
