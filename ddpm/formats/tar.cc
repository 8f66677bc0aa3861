// The tar formats: Unix V7, ustar (POSIX 1003.1-1988), GNU's, and pax (POSIX 1003.1-2001). Names
// are kept as raw bytes.

#include <algorithm>
#include <array>
#include <charconv>
#include <limits>
#include <optional>
#include <utility>

#include "ddpm/base/check.h"
#include "ddpm/base/foreign_file.h"
#include "ddpm/base/text.h"
#include "ddpm/formats/archive_internal.h"
#include "ddpm/formats/byte_stream_internal.h"

namespace ddpm {

namespace {

constexpr size_t kBlock = 512;
constexpr int64_t kMaxExtension = 1 << 20;  // bytes of a GNU long name or of pax records
constexpr size_t kDrained = 64 * 1024;      // bytes behind the end that are looked at at once
constexpr size_t kReserved = 16 << 20;      // bytes that a header alone can make us allocate

using Kind = ArchiveEntry::Kind;

// Where a header block has what: offset and bytes.
struct Field {
  size_t offset;
  size_t bytes;
};
constexpr Field kName = {0, 100};
constexpr Field kSize = {124, 12};
constexpr Field kChecksum = {148, 8};
constexpr size_t kType = 156;
constexpr Field kLinkName = {157, 100};
constexpr Field kMagic = {257, 6};
constexpr Field kPrefix = {345, 155};
constexpr size_t kSparseContinues = 482;           // in a header of GNU's old sparse format
constexpr size_t kSparseExtensionContinues = 504;  // in a block behind it

std::string_view field_of(std::string_view block, Field field) {
  const std::string_view bytes = block.substr(field.offset, field.bytes);
  return bytes.substr(0, bytes.find('\0'));
}

// Octal digits between spaces, or GNU's binary form, whose first bit is set; nothing if it is
// neither or does not fit.
std::optional<int64_t> number_of(std::string_view bytes) {
  const auto first = static_cast<unsigned char>(bytes[0]);
  int64_t value = 0;
  if ((first & 0x80) != 0) {
    if (first != 0x80) return std::nullopt;  // negative, or above 2^88
    for (const char c : bytes.substr(1)) {
      if (value > std::numeric_limits<int64_t>::max() >> 8) return std::nullopt;
      value = value << 8 | static_cast<unsigned char>(c);
    }
    return value;
  }
  bytes = bytes.substr(std::min(bytes.find_first_not_of(' '), bytes.size()));
  bytes = bytes.substr(0, bytes.find_first_of(std::string_view(" \0", 2)));
  for (const char c : bytes) {
    if (c < '0' || c > '7') return std::nullopt;
    value = value << 3 | (c - '0');
  }
  return value;  // at most 12 digits, 36 bits
}

// The sum of all bytes, its own field as spaces; old programs took them as signed.
bool has_its_checksum(std::string_view block) {
  int64_t plain = 0;
  int64_t with_sign = 0;
  for (size_t i = 0; i < block.size(); ++i) {
    const bool own = i >= kChecksum.offset && i < kChecksum.offset + kChecksum.bytes;
    plain += own ? ' ' : static_cast<unsigned char>(block[i]);
    with_sign += own ? ' ' : static_cast<signed char>(block[i]);
  }
  const auto stored = number_of(block.substr(kChecksum.offset, kChecksum.bytes));
  return stored && (*stored == plain || *stored == with_sign);
}

bool is_zero(std::string_view block) {
  return block.find_first_not_of('\0') == std::string_view::npos;
}

std::string name_of(std::string_view block) {
  const bool ustar = block.substr(kMagic.offset, kMagic.bytes) == std::string_view("ustar\0", 6);
  const std::string_view prefix = ustar ? field_of(block, kPrefix) : std::string_view();
  return concat(prefix, prefix.empty() ? "" : "/", field_of(block, kName));
}

// What the blocks before a header add to it.
struct Extension {
  std::optional<std::string> name;
  std::optional<std::string> target;
  std::optional<int64_t> size;
  bool sparse = false;
  std::string damage;  // why it cannot be understood
};

// An empty value takes back what a record before it set; then the header's own field counts.
void delete_record(std::string_view key, Extension& extension) {
  if (key == "path" && !extension.sparse) extension.name.reset();
  if (key == "linkpath") extension.target.reset();
  if (key == "size") extension.size.reset();
}

// One record of pax.
void apply_record(std::string_view key, std::string_view value, Extension& extension) {
  const std::string text(value.substr(0, value.find('\0')));
  if (text.empty() && !key.starts_with("GNU.sparse.")) return delete_record(key, extension);
  if (key == "path" && !extension.sparse) extension.name = text;
  if (key == "linkpath") extension.target = text;
  if (key == "size") {
    extension.size = parse_int(text);
    if (extension.size.value_or(-1) < 0) extension.damage = "a size that is no number";
  }
  if (key.starts_with("GNU.sparse.")) extension.sparse = true;
  if (key == "GNU.sparse.name") extension.name = text;
}

// Records are "LENGTH KEY=VALUE\n", LENGTH counting all of it.
void apply_records(std::string_view records, Extension& extension) {
  while (!records.empty()) {
    size_t length = 0;
    const char* end = records.data() + records.size();
    const auto parsed = std::from_chars(records.data(), end, length);
    const auto digits = static_cast<size_t>(parsed.ptr - records.data());
    const bool fits = parsed.ec == std::errc() && length > digits + 1 && length <= records.size() &&
                      records[digits] == ' ' && records[length - 1] == '\n';
    if (!fits) {
      if (!is_zero(records)) extension.damage = "damaged pax records";
      return;
    }
    const auto record = records.substr(digits + 1, length - digits - 2);
    const size_t equals = record.find('=');
    if (equals != std::string_view::npos) {
      apply_record(record.substr(0, equals), record.substr(equals + 1), extension);
    }
    records.remove_prefix(length);
  }
}

class TarReader {
 public:
  TarReader(const InputFile& file, const ArchiveHandlers& handlers, ArchiveBudget& budget)
      : handlers_(handlers), budget_(budget), stream_(file, budget) {}

  void run() {
    while (true) {
      read_header();
      if (is_zero(block_)) return drain();  // the first of two end-of-archive blocks
      visit();
    }
  }

 private:
  [[noreturn]] void fail(const std::string& reason) const {
    throw FormatError(concat(budget_.who(), ": ", reason));
  }

  [[noreturn]] void fail_cut(const std::string& where) const {
    fail(concat("the archive is cut: it ends ", where,
                "; fetch it again, or unpack what there is and give the folder"));
  }

  [[noreturn]] void fail_kind(const std::string& foreign, const char* unknown) const {
    fail(concat("expected a zip or tar archive, got ", foreign.empty() ? unknown : foreign));
  }

  bool read_block() {
    const std::string_view block = stream_.peek(kBlock);
    if (block.size() < kBlock) return false;
    block_.assign(block);
    stream_.take(kBlock);
    return true;
  }

  void read_header() {
    const int64_t place = stream_.position();
    const bool is_first = place == 0;
    const std::string foreign = is_first ? what_it_is(stream_.peek(kRecognisedBytes)) : "";
    if (!read_block()) {
      if (is_first) fail_kind(foreign, "a file of less than one tar header");
      fail_cut(concat("after ", with_thousands(place), " bytes, without end-of-archive blocks"));
    }
    if (is_zero(block_) || has_its_checksum(block_)) return;
    const bool is_marked = field_of(block_, kMagic).starts_with("ustar");
    if (is_first && !is_marked) fail_kind(foreign, "a file of another kind");
    fail(concat("damaged: the tar header at byte ", with_thousands(place),
                " does not have its checksum"));
  }

  // Zeros fill the last record. Of anything else behind the end only the length is of interest.
  void drain() {
    int64_t trailing = 0;
    while (true) {
      const int64_t place = stream_.position();
      const std::string_view part = stream_.take(kDrained);
      if (part.empty()) break;
      const size_t zeros = part.find_first_not_of('\0');
      if (zeros == std::string_view::npos) continue;
      stream_.skip(std::numeric_limits<int64_t>::max());
      trailing = stream_.position() - place - static_cast<int64_t>(zeros);
    }
    trailing += stream_.trailing_bytes();
    if (trailing > 0 && handlers_.trailing) handlers_.trailing(trailing);
  }

  int64_t stored_size() const {
    const auto size = number_of(std::string_view(block_).substr(kSize.offset, kSize.bytes));
    if (!size)
      fail(concat("damaged: the size in the tar header before byte ",
                  with_thousands(stream_.position()), " is no number"));
    return *size;
  }

  // The contents with the zeros that fill the last block.
  static int64_t padded(int64_t size) {
    const auto block = static_cast<int64_t>(kBlock);
    return size > std::numeric_limits<int64_t>::max() - block ? size
                                                              : (size + block - 1) / block * block;
  }

  void skip(int64_t size, const std::string& name) {
    if (!stream_.skip(padded(size))) fail_cut(concat("within ", escaped(name)));
  }

  // Contents of `size` bytes and what fills their last block.
  std::string read_contents(int64_t size, const std::string& name) {
    std::string bytes;
    bytes.reserve(std::min(static_cast<size_t>(size), kReserved));
    while (std::ssize(bytes) < size) {
      const auto part = stream_.take(static_cast<size_t>(size) - bytes.size());
      if (part.empty()) fail_cut(concat("within ", escaped(name)));
      bytes += part;
    }
    if (!stream_.skip(padded(size) - size)) fail_cut(concat("within ", escaped(name)));
    return bytes;
  }

  // One header, which may only extend the next one.
  void visit() {
    const char type = block_[kType];
    if (type == 'g') return skip(stored_size(), "a global pax header");
    if (type == 'L' || type == 'K' || type == 'x' || type == 'X') return extend(type);
    const Extension extension = std::exchange(extension_, {});
    ArchiveEntry entry{extension.name.value_or(name_of(block_)), kind_of(type),
                       extension.target.value_or(std::string(field_of(block_, kLinkName)))};
    const int64_t size = extension.size.value_or(stored_size());
    budget_.add_entry(entry.name);
    budget_.add_name(entry.target);
    const bool sparse = extension.sparse || type == 'S';
    if (type == 'S') skip_sparse_map();
    const bool is_folder =
        type == '5' || type == 'D' || (type == '\0' && entry.name.ends_with('/'));
    if (is_folder || type == 'V') return skip_unless_absent(type, size, entry.name);
    if (entry.kind != Kind::kFile) {
      return entry_without_contents(std::move(entry), type, size, extension.damage);
    }
    std::string objection = extension.damage;
    if (sparse) objection = "expected a plain file, got one in tar's sparse form";
    if (type == 'M') objection = "expected a whole file, got the end of one from another volume";
    entry_of_file(std::move(entry), size, std::move(objection));
  }

  static Kind kind_of(char type) {
    if (type == '1') return Kind::kHardLink;
    if (type == '2') return Kind::kSymbolicLink;
    return type == '3' || type == '4' || type == '6' ? Kind::kSpecial : Kind::kFile;
  }

  void extend(char type) {
    const int64_t size = stored_size();
    if (size > kMaxExtension) {
      fail(concat("expected an extended header of at most ", readable_bytes(kMaxExtension),
                  ", got ", readable_bytes(size)));
    }
    const std::string text = read_contents(size, "an extended header");
    if (type == 'x' || type == 'X') return apply_records(text, extension_);
    (type == 'L' ? extension_.name : extension_.target) = text.substr(0, text.find('\0'));
  }

  // GNU's old sparse format continues its map in blocks behind the header.
  void skip_sparse_map() {
    bool continues = block_[kSparseContinues] != '\0';
    while (continues) {
      if (!read_block()) fail_cut("within the map of a sparse file");
      continues = block_[kSparseExtensionContinues] != '\0';
    }
  }

  // Links and folders have no contents, whatever size old programs wrote. Only pax allows contents
  // of a hard link: they are there if no header follows.
  void skip_unless_absent(char type, int64_t size, const std::string& name) {
    if (type == 'D') return skip(size, name);  // the names in a folder, of GNU's backups
    if (type != '1' || size == 0) return;
    const std::string_view next = stream_.peek(kBlock);
    const bool header_follows = next.size() == kBlock && (is_zero(next) || has_its_checksum(next));
    if (!header_follows) skip(size, name);
  }

  void entry_without_contents(ArchiveEntry entry, char type, int64_t size, std::string objection) {
    skip_unless_absent(type, size, entry.name);
    if (objection.empty()) objection = budget_.objection(entry, 0);
    if (!objection.empty()) return fail_entry(handlers_, std::move(entry), objection);
    handlers_.pass(std::move(entry));
  }

  void entry_of_file(ArchiveEntry entry, int64_t size, std::string objection) {
    entry.target.clear();
    if (objection.empty()) objection = budget_.objection(entry, size);
    if (std::ssize(entry.name) <= budget_.limits().max_name_bytes && !handlers_.wants(entry)) {
      return skip(size, entry.name);
    }
    if (!objection.empty()) {
      skip(size, entry.name);
      return fail_entry(handlers_, std::move(entry), objection);
    }
    std::string bytes = read_contents(size, entry.name);
    handlers_.take(std::move(entry), std::move(bytes));
  }

  const ArchiveHandlers& handlers_;
  ArchiveBudget& budget_;
  ByteStream stream_;
  std::string block_;
  Extension extension_;
};

}  // namespace

void read_tar(const InputFile& file, const ArchiveHandlers& handlers, ArchiveBudget& budget) {
  TarReader(file, handlers, budget).run();
}

}  // namespace ddpm
