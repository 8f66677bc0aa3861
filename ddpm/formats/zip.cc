// Zip files (PKWARE's APPNOTE 6.3), read by their directory, so that each entry can be read
// whatever the others are like. Names are kept as raw bytes.

#include <zlib.h>

#include <algorithm>
#include <memory>
#include <new>
#include <utility>

#include "ddpm/base/check.h"
#include "ddpm/base/text.h"
#include "ddpm/formats/archive_internal.h"
#include "ddpm/formats/byte_stream_internal.h"
#include "ddpm/formats/zip_internal.h"

namespace ddpm {

namespace {

constexpr uint16_t kEncrypted = 1;  // flags
constexpr uint16_t kEndMarker = 2;  // of method LZMA

enum Method : uint16_t {
  kStored = 0,
  kDeflated = 8,
  kBzip2 = 12,
  kLzma = 14,
  kZstd = 93,
  kXz = 95
};

class ZipReader {
 public:
  ZipReader(const InputFile& file, const ArchiveHandlers& handlers, ArchiveBudget& budget)
      : file_(file), handlers_(handlers), budget_(budget) {}

  void run() {
    for (ZipEntry& entry : read_zip_directory(file_, budget_)) {
      budget_.check_stop();
      visit(entry);
    }
  }

 private:
  void visit(ZipEntry& zip) {
    if (zip.entry.name.ends_with('/')) return;  // a folder
    if (zip.entry.kind == ArchiveEntry::Kind::kSpecial) return handlers_.pass(std::move(zip.entry));
    const bool is_link = zip.entry.kind == ArchiveEntry::Kind::kSymbolicLink;
    const bool long_name = std::ssize(zip.entry.name) > budget_.limits().max_name_bytes;
    if (!is_link && !long_name && !handlers_.wants(zip.entry)) return;
    std::string objection = budget_.objection(zip.entry, zip.size);
    std::string bytes;
    if (objection.empty()) {
      try {
        bytes = contents(zip);
      } catch (const BadEntry& bad) {
        objection = bad.reason;
      }
    }
    if (is_link && objection.empty()) {
      zip.entry.target = std::exchange(bytes, {});
      budget_.add_name(zip.entry.target);
      objection = budget_.objection(zip.entry, 0);
    }
    if (!objection.empty()) return fail_entry(handlers_, std::move(zip.entry), objection);
    if (is_link) return handlers_.pass(std::move(zip.entry));
    handlers_.take(std::move(zip.entry), std::move(bytes));
  }

  // Thrown for damage that is of one entry alone.
  struct BadEntry {
    std::string reason;
  };

  std::string contents(const ZipEntry& zip) {
    if (!zip.overlaps.empty()) {
      throw BadEntry{concat("its bytes are also those of ", escaped(zip.overlaps))};
    }
    if ((zip.flags & kEncrypted) != 0) throw BadEntry{"encrypted; unpack it with its passphrase"};
    const std::string compressed = compressed_bytes(zip);
    std::string bytes;
    bytes.reserve(static_cast<size_t>(std::min(zip.size, std::ssize(compressed) * 1100 + 1024)));
    const auto take = [&](std::string_view part) {
      budget_.check_stop();
      budget_.inflate(std::ssize(part));
      if (std::ssize(part) > zip.size - std::ssize(bytes)) {
        throw BadEntry{concat("damaged: expected ", zip.size, " bytes, got more")};
      }
      bytes += part;
    };
    decompress(zip, compressed, take);
    check_contents(zip, bytes);
    return bytes;
  }

  std::string compressed_bytes(const ZipEntry& zip) const {
    const auto end_of = [this](int64_t from, int64_t count) {
      return from <= file_.size() && count <= file_.size() - from ? from + count : -1;
    };
    if (end_of(zip.offset, kZipLocalBytes) < 0)
      throw BadEntry{"damaged: it lies outside of the file"};
    std::string local(static_cast<size_t>(kZipLocalBytes), '\0');
    file_.read_at(zip.offset, std::as_writable_bytes(std::span(local)));
    if (!local.starts_with(kZipLocalMagic))
      throw BadEntry{"damaged: no local header where it should be"};
    const int64_t data = zip.offset + kZipLocalBytes + zip_short(local, 26) + zip_short(local, 28);
    if (end_of(data, zip.compressed) < 0) throw BadEntry{"damaged: it lies outside of the file"};
    std::string bytes(static_cast<size_t>(zip.compressed), '\0');
    file_.read_at(data, std::as_writable_bytes(std::span(bytes)));
    return bytes;
  }

  template <typename Take>
  void decompress(const ZipEntry& zip, const std::string& compressed, const Take& take) {
    if (zip.method == kStored) return take(compressed);
    if (zip.method == kDeflated) return inflate_all(compressed, take);
    const bool known =
        zip.method == kBzip2 || zip.method == kLzma || zip.method == kZstd || zip.method == kXz;
    if (!known)
      throw BadEntry{concat("compressed by method ", zip.method, ", which is not known here")};
    std::string_view stream = compressed;
    std::string prefix;
    if (zip.method == kLzma) prefix = lzma_header(zip, stream);
    try {
      decompress_filtered(stream, prefix, take);
    } catch (const FormatError& error) {
      const std::string reason = error.what();
      if (reason.rfind(budget_.who(), 0) == 0) throw;  // the budget of the whole archive
      throw BadEntry{concat("damaged: ", reason)};
    }
  }

  // The header of an .lzma file, in place of the zip file's: version, size of the properties (5),
  // properties.
  static std::string lzma_header(const ZipEntry& zip, std::string_view& stream) {
    constexpr size_t kProperties = 5;
    if (stream.size() < 4 + kProperties || zip_short(stream, 2) != kProperties) {
      throw BadEntry{"damaged: no LZMA properties"};
    }
    std::string header(stream.substr(4, kProperties));
    const bool marked = (zip.flags & kEndMarker) != 0;
    const uint64_t size = marked ? ~uint64_t{0} : static_cast<uint64_t>(zip.size);
    for (int shift = 0; shift < 64; shift += 8) header += static_cast<char>(size >> shift & 0xff);
    stream.remove_prefix(4 + kProperties);
    return header;
  }

  template <typename Take>
  static void inflate_all(const std::string& compressed, const Take& take) {
    z_stream stream{};
    if (inflateInit2(&stream, -MAX_WBITS) != Z_OK) throw std::bad_alloc();
    const std::unique_ptr<z_stream, int (*)(z_stream*)> end(&stream, inflateEnd);
    std::string chunk(size_t{64} * 1024, '\0');
    std::string_view left = compressed;
    int result = Z_OK;
    while (result == Z_OK) {
      const auto offered = static_cast<uInt>(std::min<size_t>(left.size(), size_t{1} << 30));
      stream.next_in = reinterpret_cast<Bytef*>(const_cast<char*>(left.data()));
      stream.avail_in = offered;
      stream.next_out = reinterpret_cast<Bytef*>(chunk.data());
      stream.avail_out = static_cast<uInt>(chunk.size());
      result = inflate(&stream, Z_NO_FLUSH);
      left.remove_prefix(offered - stream.avail_in);
      if (result == Z_OK || result == Z_STREAM_END) {
        take(std::string_view(chunk).substr(0, chunk.size() - stream.avail_out));
      }
    }
    if (result != Z_STREAM_END) throw BadEntry{"damaged: its deflate stream is cut or changed"};
  }

  static void check_contents(const ZipEntry& zip, const std::string& bytes) {
    if (std::ssize(bytes) != zip.size) {
      throw BadEntry{concat("damaged: expected ", zip.size, " bytes, got ", bytes.size())};
    }
    const auto crc = crc32_z(0, reinterpret_cast<const Bytef*>(bytes.data()), bytes.size());
    if (crc != zip.crc) throw BadEntry{"damaged: its CRC is not the stored one"};
  }

  const InputFile& file_;
  const ArchiveHandlers& handlers_;
  ArchiveBudget& budget_;
};

}  // namespace

void read_zip(const InputFile& file, const ArchiveHandlers& handlers, ArchiveBudget& budget) {
  ZipReader(file, handlers, budget).run();
}

}  // namespace ddpm
