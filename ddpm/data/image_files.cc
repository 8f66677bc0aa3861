#include <atomic>
#include <map>
#include <memory>
#include <string_view>
#include <unordered_map>
#include <utility>
#include <vector>

#include "ddpm/base/check.h"
#include "ddpm/base/file.h"
#include "ddpm/base/sha256.h"
#include "ddpm/base/text.h"
#include "ddpm/data/archive_images_internal.h"
#include "ddpm/data/image_files_internal.h"
#include "ddpm/data/listing_internal.h"
#include "ddpm/data/opening_internal.h"
#include "ddpm/formats/image_file.h"
#include "ddpm/formats/picture_mark.h"

namespace ddpm {
namespace {

namespace fs = std::filesystem;

// What the files contained when they were first read. A file with other bytes later, however it
// came by them, is not the one that size, channels and fingerprint were taken from. Safe to use
// from several threads.
class FirstContents {
 public:
  explicit FirstContents(size_t files) : marks_(files) {}

  // The bytes of file `index`. Throws IoError "PATH changed while it was read" if they differ from
  // those of the first call.
  std::string read(int64_t index, const fs::path& path) {
    std::string bytes = read_file(path, kMaxFileBytes);
    const uint64_t now = mark_of(bytes);
    uint64_t first = kUnread;
    if (!marks_[static_cast<size_t>(index)].compare_exchange_strong(first, now) && first != now) {
      throw IoError(concat(escaped(path.string()), " changed while it was read"));
    }
    return bytes;
  }

 private:
  static constexpr uint64_t kUnread = 0;

  // 64 bits of SHA-256, never kUnread.
  static uint64_t mark_of(const std::string& bytes) {
    const std::string digest = sha256_hex(as_bytes(bytes));
    return std::stoull(digest.substr(0, 16), nullptr, 16) | 1;
  }

  std::vector<std::atomic<uint64_t>> marks_;
};

// Of a file that was listed, and not given by its own name.
Image decode_listed(std::span<const std::byte> bytes, const std::string& who) {
  if (is_drawn_picture(bytes)) throw NotData("pictures drawn by ddpm");
  return decode_image_file(bytes, who);
}

// The source of what is listed; `decode` gets the number and the name of a file that is not bad.
Source source_of(std::string description, Listing listing,
                 std::function<Image(int64_t index, const std::string& name)> decode) {
  Source source;
  source.description = std::move(description);
  source.names = std::move(listing.images);
  source.left_out = std::move(listing.left_out);
  source.notes = std::move(listing.notes);
  source.decode = [names = source.names, bad = std::move(listing.bad),
                   decode = std::move(decode)](int64_t index) {
    const std::string& name = names[static_cast<size_t>(index)];
    const auto found = bad.find(name);
    if (found != bad.end()) throw FormatError(concat(shown_name(name), ": ", found->second));
    return decode(index, name);
  };
  return source;
}

using Files = std::vector<std::shared_ptr<const std::string>>;

// Source::first_copy of these files, of which those that are bad are null.
std::vector<int64_t> first_copies(const Files& files, const GiveUp& give_up) {
  std::unordered_map<size_t, int64_t> sizes;  // only files of one size need be compared
  for (const auto& file : files) {
    if (file != nullptr) ++sizes[file->size()];
  }
  std::unordered_map<std::string_view, int64_t> seen;
  std::vector<int64_t> first;
  bool any = false;
  for (int64_t i = 0; i < std::ssize(files); ++i) {
    first.push_back(i);
    const auto& file = files[static_cast<size_t>(i)];
    if (file == nullptr || sizes[file->size()] == 1) continue;
    if (give_up) give_up();
    first.back() = seen.try_emplace(*file, i).first->second;
    any = any || first.back() != i;
  }
  if (!any) first.clear();
  return first;
}

}  // namespace

Source open_image_folder(const fs::path& folder, const GiveUp& give_up) {
  Listing listing = list_folder(folder, give_up);
  const std::string description = "folder " + escaped(folder.string());
  check_any_image(listing, description, folder);
  const auto contents = std::make_shared<FirstContents>(listing.images.size());
  return source_of(description, std::move(listing),
                   [folder, contents](int64_t index, const std::string& name) {
                     const std::string bytes = contents->read(index, folder / name);
                     return decode_listed(as_bytes(bytes), shown_name(name));
                   });
}

Source open_image_archive(const fs::path& archive, int64_t limit_bytes, const GiveUp& give_up) {
  ArchiveImages images = read_archive_images(archive, limit_bytes, give_up);
  const std::string description = "archive " + escaped(archive.string());
  check_any_image(images.listing, description, archive);
  const auto files = std::make_shared<Files>();
  for (const std::string& name : images.listing.images) {
    const auto found = images.bytes.find(name);
    files->push_back(found == images.bytes.end() ? nullptr : std::move(found->second));
  }
  Source source = source_of(description, std::move(images.listing),
                            [files](int64_t index, const std::string& name) {
                              const auto& bytes = *(*files)[static_cast<size_t>(index)];
                              return decode_listed(as_bytes(bytes), shown_name(name));
                            });
  source.first_copy = first_copies(*files, give_up);
  return source;
}

Source open_image_file(const fs::path& file) {
  const std::string name = escaped(file.filename().string());
  const auto contents = std::make_shared<FirstContents>(1);
  return {"file " + escaped(file.string()), {name}, [file, name, contents](int64_t index) {
            return decode_image_file(as_bytes(contents->read(index, file)), name);
          }};
}

}  // namespace ddpm
