#include "ddpm/formats/archive.h"

#include <algorithm>
#include <array>
#include <limits>
#include <string_view>
#include <utility>

#include "ddpm/base/check.h"
#include "ddpm/base/file.h"
#include "ddpm/base/input_file.h"
#include "ddpm/base/text.h"
#include "ddpm/formats/archive_internal.h"

namespace ddpm {

namespace {

constexpr std::array<std::string_view, 7> kEndings = {".zip",     ".tar",    ".tar.gz", ".tgz",
                                                      ".tar.bz2", ".tar.xz", ".tar.zst"};
constexpr size_t kShownName = 60;  // bytes of a name that is too long

bool is_zip(const InputFile& file) {
  std::string magic(static_cast<size_t>(std::min<int64_t>(file.size(), 4)), '\0');
  file.read_at(0, std::as_writable_bytes(std::span(magic)));
  const bool by_content = magic == "PK\x03\x04" || magic == "PK\x05\x06";
  return by_content || lower_case(file.path().extension().string()) == ".zip";
}

// base + slope * x, or as much as there is.
int64_t line(int64_t base, int64_t slope, int64_t x) {
  int64_t sum = 0;
  const bool overflows =
      __builtin_mul_overflow(slope, x, &sum) || __builtin_add_overflow(sum, base, &sum);
  return overflows ? std::numeric_limits<int64_t>::max() : sum;
}

}  // namespace

ArchiveBudget::ArchiveBudget(std::string who, int64_t compressed_bytes, const ArchiveLimits& limits,
                             GiveUp give_up)
    : who_(std::move(who)),
      limits_(limits),
      give_up_(std::move(give_up)),
      max_inflated_(line(limits.free_bytes, limits.max_ratio, compressed_bytes)),
      max_names_(line(limits.free_names, limits.max_names_ratio, compressed_bytes)) {}

void ArchiveBudget::inflate(int64_t bytes) {
  inflated_ += bytes;
  if (inflated_ <= max_inflated_) return;
  throw FormatError(concat(who_, ": expected contents of at most ", readable_bytes(max_inflated_),
                           " (", readable_bytes(limits_.free_bytes), " and ", limits_.max_ratio,
                           " times the file's size), got more; unpack it and give its contents"));
}

void ArchiveBudget::add_entry(std::string_view name) {
  check_stop();
  if (++entries_ > limits_.max_entries) {
    throw FormatError(concat(who_, ": expected at most ", with_thousands(limits_.max_entries),
                             " entries, got more; unpack it and give a folder of a part"));
  }
  add_name(name);
}

void ArchiveBudget::add_name(std::string_view name) {
  names_ +=
      static_cast<int64_t>(std::min(name.size(), static_cast<size_t>(limits_.max_name_bytes)));
  if (names_ <= max_names_) return;
  throw FormatError(concat(who_, ": expected names of at most ", readable_bytes(max_names_),
                           " together (", readable_bytes(limits_.free_names), " and ",
                           limits_.max_names_ratio,
                           " times the file's size), got more; unpack it and give the folder"));
}

void ArchiveBudget::check_stop() const {
  if (give_up_) give_up_();
}

std::string ArchiveBudget::objection(const ArchiveEntry& entry, int64_t size) const {
  const auto longest = static_cast<int64_t>(std::max(entry.name.size(), entry.target.size()));
  if (longest > limits_.max_name_bytes) {
    return concat("expected a name of at most ", with_thousands(limits_.max_name_bytes),
                  " bytes, got ", with_thousands(longest));
  }
  if (size > limits_.max_file_bytes) {
    return concat("expected a file of at most ", readable_bytes(limits_.max_file_bytes), ", got ",
                  readable_bytes(size));
  }
  return "";
}

void fail_entry(const ArchiveHandlers& handlers, ArchiveEntry entry, std::string reason) {
  if (static_cast<int64_t>(entry.name.size()) > ArchiveLimits().max_name_bytes) {
    entry.name = entry.name.substr(0, kShownName) + "..";
  }
  entry.target.clear();
  handlers.fail(std::move(entry), std::move(reason));
}

bool is_archive_name(const std::filesystem::path& path) {
  const std::string name = lower_case(path.filename().string());
  return std::any_of(kEndings.begin(), kEndings.end(), [&name](std::string_view ending) {
    return std::string_view(name).ends_with(ending);
  });
}

void read_archive(const std::filesystem::path& path, const ArchiveHandlers& handlers,
                  const ArchiveLimits& limits) {
  const InputFile file(path);
  ArchiveBudget budget(escaped(path.string()), file.size(), limits, handlers.give_up);
  if (is_zip(file)) {
    read_zip(file, handlers, budget);
  } else {
    read_tar(file, handlers, budget);
  }
}

}  // namespace ddpm
