// The images of an archive.

#pragma once

#include <cstdint>
#include <filesystem>
#include <map>
#include <memory>
#include <string>

#include "ddpm/data/listing_internal.h"
#include "ddpm/formats/archive.h"

namespace ddpm {

struct ArchiveImages {
  Listing listing;
  // As in the archive, still encoded, by their names in the listing; of a name that comes twice the
  // last, as in an unpacked folder. Links share the bytes of the file that they lead to.
  std::map<std::string, std::shared_ptr<const std::string>> bytes;
};

// Hard and symbolic links are resolved within the archive; a link that leads out of it, or to
// nothing, is bad. Throws what read_archive throws, and InvalidArgument if the images have more
// than `limit_bytes` bytes.
ArchiveImages read_archive_images(const std::filesystem::path& path, int64_t limit_bytes,
                                  const GiveUp& give_up);

}  // namespace ddpm
