#include <zlib.h>

#include <algorithm>
#include <limits>
#include <optional>
#include <utility>

#include "ddpm/base/check.h"
#include "ddpm/base/foreign_file.h"
#include "ddpm/base/text.h"
#include "ddpm/formats/zip_internal.h"

namespace ddpm {

namespace {

using Kind = ArchiveEntry::Kind;

constexpr std::string_view kEntryMagic("PK\x01\x02", 4);
constexpr std::string_view kEndMagic("PK\x05\x06", 4);
constexpr std::string_view kEnd64Magic("PK\x06\x06", 4);
constexpr std::string_view kLocator64Magic("PK\x06\x07", 4);
constexpr size_t kEntryBytes = 46;
constexpr int64_t kEndBytes = 22;
constexpr int64_t kEnd64Bytes = 56;
constexpr int64_t kLocator64Bytes = 20;
constexpr int64_t kMaxComment = 65535;
constexpr int64_t kMaxDirectory = int64_t{2} << 30;
constexpr uint64_t kIn64 = 0xffffffff;  // a number that stands in the zip64 extra field
constexpr uint16_t kExtra64 = 0x0001;
constexpr uint16_t kExtraUnicodePath = 0x7075;
constexpr int kHostUnix = 3;
constexpr int kHostDarwin = 19;

// Calls found(id, bytes) for each extra field.
template <typename Found>
void for_each_extra(std::string_view extra, const Found& found) {
  while (extra.size() >= 4) {
    const size_t size = zip_short(extra, 2);
    if (size > extra.size() - 4) return;
    found(zip_short(extra, 0), extra.substr(4, size));
    extra.remove_prefix(4 + size);
  }
}

// The name, in UTF-8 where the entry has one beside it in the encoding of its author.
std::string name_of(std::string_view name, std::string_view extra, int host) {
  std::string result(name);
  const auto crc =
      crc32(0, reinterpret_cast<const Bytef*>(name.data()), static_cast<uInt>(name.size()));
  for_each_extra(extra, [&](uint16_t id, std::string_view bytes) {
    const bool is_path = id == kExtraUnicodePath && bytes.size() > 5 && bytes[0] == 1;
    if (is_path && zip_number(bytes, 1, 4) == crc) result = bytes.substr(5);
  });
  result = result.substr(0, result.find('\0'));
  const bool of_unix = host == kHostUnix || host == kHostDarwin;
  if (!of_unix && result.find('/') == std::string::npos) {
    std::replace(result.begin(), result.end(), '\\', '/');
  }
  return result;
}

Kind kind_of(int host, uint32_t attributes) {
  if (host != kHostUnix && host != kHostDarwin) return Kind::kFile;
  switch (attributes >> 16 & 0170000) {
    case 0120000:
      return Kind::kSymbolicLink;
    case 0010000:  // FIFO
    case 0020000:  // character device
    case 0060000:  // block device
    case 0140000:  // socket
      return Kind::kSpecial;
    default:
      return Kind::kFile;
  }
}

// Numbers of 32 bits that do not suffice stand in the extra field, in this order.
bool apply_extra64(std::string_view extra, ZipEntry& entry) {
  bool whole = true;
  bool seen = false;
  for_each_extra(extra, [&](uint16_t id, std::string_view bytes) {
    if (id != kExtra64 || seen) return;
    seen = true;
    for (int64_t* number : {&entry.size, &entry.compressed, &entry.offset}) {
      if (static_cast<uint64_t>(*number) != kIn64) continue;
      whole = whole && bytes.size() >= 8;
      if (!whole) return;
      *number = static_cast<int64_t>(zip_number(bytes, 0, 8));
      bytes.remove_prefix(8);
    }
  });
  return whole && entry.size >= 0 && entry.compressed >= 0 && entry.offset >= 0;
}

class DirectoryReader {
 public:
  DirectoryReader(const InputFile& file, ArchiveBudget& budget) : file_(file), budget_(budget) {}

  std::vector<ZipEntry> run() {
    read_directory();
    find_overlaps();
    return std::move(entries_);
  }

 private:
  [[noreturn]] void fail(const std::string& reason) const {
    throw FormatError(concat(budget_.who(), ": ", reason));
  }

  std::string bytes_at(int64_t offset, int64_t count) const {
    if (offset < 0 || count < 0 || offset > file_.size() || count > file_.size() - offset) {
      fail("damaged zip file: a place outside of the file is named");
    }
    std::string bytes(static_cast<size_t>(count), '\0');
    file_.read_at(offset, std::as_writable_bytes(std::span(bytes)));
    return bytes;
  }

  // Where the record at the end begins: the last whose comment ends with the file, since a comment
  // may hold what looks like a record; otherwise the last that fits, with other bytes behind it.
  int64_t find_end() const {
    const int64_t tail = std::min(file_.size(), kMaxComment + kEndBytes);
    const std::string bytes = bytes_at(file_.size() - tail, tail);
    int64_t last_that_fits = -1;
    for (size_t at = bytes.rfind(kEndMagic); at != std::string::npos;
         at = at == 0 ? std::string::npos : bytes.rfind(kEndMagic, at - 1)) {
      const int64_t behind = tail - static_cast<int64_t>(at);
      if (behind < kEndBytes) continue;
      const int64_t bytes_named = kEndBytes + zip_short(bytes, at + 20);
      if (behind == bytes_named) return file_.size() - behind;
      if (behind > bytes_named && last_that_fits < 0) last_that_fits = file_.size() - behind;
    }
    if (last_that_fits >= 0) return last_that_fits;
    const bool begins_well = file_.size() >= 4 && bytes_at(0, 4) == kZipLocalMagic;
    if (begins_well) {
      fail(
          "the archive is cut: a zip file has its directory at the end, and there is none; fetch "
          "it again");
    }
    const auto start = std::min<int64_t>(file_.size(), kRecognisedBytes);
    const std::string foreign = what_it_is(bytes_at(0, start));
    fail(concat("expected a zip archive, got ",
                foreign.empty() ? "a file without a zip directory" : foreign));
  }

  // The directory as bytes; sets what has to be added to offsets, which count from the first byte
  // of the archive proper.
  std::string find_directory(int64_t& base, int64_t& count) const {
    int64_t end = find_end();
    std::string record = bytes_at(end, kEndBytes);
    if (zip_short(record, 4) != 0 && zip_short(record, 4) != 0xffff) {
      fail("expected a zip file in one piece, got a part of one in several");
    }
    auto size = static_cast<int64_t>(zip_number(record, 12, 4));
    auto offset = static_cast<int64_t>(zip_number(record, 16, 4));
    count = zip_short(record, 10);
    if (const auto end64 = find_end64(end)) {
      end = *end64;
      record = bytes_at(end, kEnd64Bytes);
      count = static_cast<int64_t>(zip_number(record, 32, 8));
      size = static_cast<int64_t>(zip_number(record, 40, 8));
      offset = static_cast<int64_t>(zip_number(record, 48, 8));
    }
    if (size < 0 || offset < 0 || count < 0 || size > end || offset > end - size) {
      fail("damaged zip file: its directory lies outside of it");
    }
    if (size > kMaxDirectory) {
      fail(concat("expected a zip directory of at most ", readable_bytes(kMaxDirectory), ", got ",
                  readable_bytes(size), "; unpack it and give the folder"));
    }
    base = end - size - offset;
    return bytes_at(end - size, size);
  }

  // Where the zip64 record lies that the locator in front of the end record names.
  std::optional<int64_t> find_end64(int64_t end) const {
    if (end < kLocator64Bytes) return std::nullopt;
    const std::string locator = bytes_at(end - kLocator64Bytes, kLocator64Bytes);
    if (!locator.starts_with(kLocator64Magic)) return std::nullopt;
    // directly in front of the locator, or where it says if nothing stands in front of the archive
    const auto said = static_cast<int64_t>(zip_number(locator, 8, 8));
    for (const int64_t place : {end - kLocator64Bytes - kEnd64Bytes, said}) {
      const bool inside = place >= 0 && place <= end - kLocator64Bytes - kEnd64Bytes;
      if (inside && bytes_at(place, 4) == kEnd64Magic) return place;
    }
    fail("damaged zip file: its zip64 record is missing");
  }

  void read_directory() {
    int64_t base = 0;
    int64_t count = 0;
    const std::string directory = find_directory(base, count);
    std::string_view left = directory;
    while (left.starts_with(kEntryMagic)) left.remove_prefix(read_entry(left, base));
    // the count has 16 bits where there is no zip64 record
    if ((std::ssize(entries_) - count) % 65536 != 0) {
      fail(concat("damaged zip file: expected ", count, " entries in its directory, got ",
                  entries_.size()));
    }
  }

  // Reads the first entry of `left`; returns how many bytes it has.
  size_t read_entry(std::string_view left, int64_t base) {
    if (left.size() < kEntryBytes) fail("damaged zip file: its directory is cut");
    const size_t name_bytes = zip_short(left, 28);
    const size_t extra_bytes = zip_short(left, 30);
    const size_t bytes = kEntryBytes + name_bytes + extra_bytes + zip_short(left, 32);
    if (left.size() < bytes) fail("damaged zip file: its directory is cut");
    const std::string_view extra = left.substr(kEntryBytes + name_bytes, extra_bytes);
    const int host = static_cast<unsigned char>(left[5]);
    ZipEntry entry;
    entry.entry.name = name_of(left.substr(kEntryBytes, name_bytes), extra, host);
    entry.entry.kind = kind_of(host, static_cast<uint32_t>(zip_number(left, 38, 4)));
    entry.flags = zip_short(left, 8);
    entry.method = zip_short(left, 10);
    entry.crc = static_cast<uint32_t>(zip_number(left, 16, 4));
    entry.compressed = static_cast<int64_t>(zip_number(left, 20, 4));
    entry.size = static_cast<int64_t>(zip_number(left, 24, 4));
    entry.offset = static_cast<int64_t>(zip_number(left, 42, 4));
    budget_.add_entry(entry.entry.name);
    if (!apply_extra64(extra, entry) || entry.offset > file_.size() - base) {
      fail(concat("damaged zip file: the place of ", escaped(entry.entry.name), " is unknown"));
    }
    entry.offset += base;
    entries_.push_back(std::move(entry));
    return bytes;
  }

  // A bomb names the same bytes many times; a whole archive never does.
  void find_overlaps() {
    std::vector<ZipEntry*> sorted;
    for (ZipEntry& entry : entries_) sorted.push_back(&entry);
    std::stable_sort(sorted.begin(), sorted.end(),
                     [](const ZipEntry* a, const ZipEntry* b) { return a->offset < b->offset; });
    int64_t end = 0;
    const ZipEntry* last = nullptr;
    for (ZipEntry* entry : sorted) {
      if (entry->offset < end) entry->overlaps = last->entry.name;
      const int64_t room = std::numeric_limits<int64_t>::max() - entry->offset - kZipLocalBytes;
      const int64_t own = entry->offset + kZipLocalBytes + std::min(entry->compressed, room);
      if (own <= end) continue;
      end = own;
      last = entry;
    }
  }

  const InputFile& file_;
  ArchiveBudget& budget_;
  std::vector<ZipEntry> entries_;
};

}  // namespace

std::vector<ZipEntry> read_zip_directory(const InputFile& file, ArchiveBudget& budget) {
  return DirectoryReader(file, budget).run();
}

}  // namespace ddpm
