// What the readers of tar and zip files share.

#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "ddpm/base/input_file.h"
#include "ddpm/formats/archive.h"

namespace ddpm {

// Counts what one archive costs. All throw FormatError that starts with the archive's name.
class ArchiveBudget {
 public:
  ArchiveBudget(std::string who, int64_t compressed_bytes, const ArchiveLimits& limits,
                GiveUp give_up);

  void inflate(int64_t bytes);            // that many were decompressed
  void add_entry(std::string_view name);  // one more entry
  void add_name(std::string_view name);   // a name beside that of an entry: where a link leads
  void check_stop() const;                // calls give_up

  // Why an entry cannot be taken by its name or size; "" if it can.
  std::string objection(const ArchiveEntry& entry, int64_t size) const;

  const std::string& who() const { return who_; }
  const ArchiveLimits& limits() const { return limits_; }

 private:
  std::string who_;
  ArchiveLimits limits_;
  GiveUp give_up_;
  int64_t inflated_ = 0;
  int64_t max_inflated_;
  int64_t entries_ = 0;
  int64_t names_ = 0;
  int64_t max_names_;
};

// Hands a bad entry to handlers.fail, its name cut to a length that can be shown.
void fail_entry(const ArchiveHandlers& handlers, ArchiveEntry entry, std::string reason);

// A tar file, compressed or not.
void read_tar(const InputFile& file, const ArchiveHandlers& handlers, ArchiveBudget& budget);

// A zip file; programs may stand in front of it.
void read_zip(const InputFile& file, const ArchiveHandlers& handlers, ArchiveBudget& budget);

}  // namespace ddpm
