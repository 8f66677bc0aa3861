#include <map>
#include <memory>
#include <utility>
#include <vector>

#include "ddpm/base/check.h"
#include "ddpm/base/file.h"
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

}  // namespace

Source open_image_folder(const fs::path& folder, const GiveUp& give_up) {
  Listing listing = list_folder(folder, give_up);
  const std::string description = "folder " + escaped(folder.string());
  check_any_image(listing, description, folder);
  return source_of(description, std::move(listing), [folder](int64_t, const std::string& name) {
    return decode_listed(as_bytes(read_file(folder / name, kMaxFileBytes)), shown_name(name));
  });
}

Source open_image_archive(const fs::path& archive, int64_t limit_bytes, const GiveUp& give_up) {
  ArchiveImages images = read_archive_images(archive, limit_bytes, give_up);
  const std::string description = "archive " + escaped(archive.string());
  check_any_image(images.listing, description, archive);
  const auto files = std::make_shared<std::vector<std::shared_ptr<const std::string>>>();
  for (const std::string& name : images.listing.images) {
    const auto found = images.bytes.find(name);
    files->push_back(found == images.bytes.end() ? nullptr : std::move(found->second));
  }
  return source_of(description, std::move(images.listing),
                   [files](int64_t index, const std::string& name) {
                     const auto& bytes = *(*files)[static_cast<size_t>(index)];
                     return decode_listed(as_bytes(bytes), shown_name(name));
                   });
}

Source open_image_file(const fs::path& file) {
  const std::string name = escaped(file.filename().string());
  return {"file " + escaped(file.string()), {name}, [file, name](int64_t) {
            return decode_image_file(as_bytes(read_file(file, kMaxFileBytes)), name);
          }};
}

}  // namespace ddpm
