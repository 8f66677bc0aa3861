#include <archive.h>

#include <algorithm>
#include <array>
#include <exception>

#include "ddpm/base/check.h"
#include "ddpm/base/file.h"
#include "ddpm/base/text.h"
#include "ddpm/formats/byte_stream_internal.h"
#include "ddpm/formats/gunzip_internal.h"

namespace ddpm {

namespace {

constexpr size_t kChunk = 64 * 1024;  // bytes read or decompressed at once

using Filter = std::unique_ptr<archive, int (*)(archive*)>;

// libarchive as a decompressor. Its filters are named one by one: others start programs. Not gzip,
// of which it does not compare the check sum.
Filter open_filter() {
  Filter filter(archive_read_new(), archive_read_free);
  if (filter == nullptr) throw std::bad_alloc();
  archive_read_support_filter_bzip2(filter.get());
  archive_read_support_filter_xz(filter.get());
  archive_read_support_filter_lzma(filter.get());
  archive_read_support_filter_zstd(filter.get());
  archive_read_support_format_raw(filter.get());
  return filter;
}

std::string reason_of(const Filter& filter) {
  const char* reason = archive_error_string(filter.get());
  return escaped(reason == nullptr ? "damaged" : reason);
}

bool is_compressed(std::string_view bytes) {
  constexpr std::array<std::string_view, 3> kMagics = {"BZh",
                                                       "\xfd"
                                                       "7zXZ",
                                                       "\x28\xb5\x2f\xfd"};
  const bool skippable = bytes.size() >= 4 && bytes.substr(1, 3) == "\x2a\x4d\x18";  // of zstd
  return skippable || std::any_of(kMagics.begin(), kMagics.end(), [bytes](std::string_view magic) {
           return bytes.starts_with(magic);
         });
}

}  // namespace

struct ByteStream::Input {
  virtual ~Input() = default;
  virtual size_t read(char* bytes, size_t max) = 0;  // 0 at the end
  // Passes over as many of `count` bytes as it can without reading; 0: none.
  virtual int64_t seek(int64_t count) = 0;
  virtual int64_t trailing_bytes() const { return 0; }
};

namespace {

class PlainInput : public ByteStream::Input {
 public:
  PlainInput(const InputFile& file, ArchiveBudget& budget) : file_(file), budget_(budget) {}

  size_t read(char* bytes, size_t max) override {
    budget_.check_stop();
    const auto count = static_cast<size_t>(std::min<int64_t>(left(), static_cast<int64_t>(max)));
    file_.read_at(offset_, std::as_writable_bytes(std::span(bytes, count)));
    offset_ += static_cast<int64_t>(count);
    return count;
  }

  int64_t size() const { return file_.size(); }

  int64_t seek(int64_t count) override {
    budget_.check_stop();
    const int64_t passed = std::min(count, left());
    offset_ += passed;
    return passed;
  }

 private:
  int64_t left() const { return file_.size() - offset_; }

  const InputFile& file_;
  ArchiveBudget& budget_;
  int64_t offset_ = 0;
};

class GzipInput : public ByteStream::Input {
 public:
  GzipInput(const InputFile& file, ArchiveBudget& budget)
      : plain_(file, budget), budget_(budget), chunk_(kChunk, '\0'), reader_([this] {
          return std::string_view(chunk_).substr(0, plain_.read(chunk_.data(), chunk_.size()));
        }) {}

  size_t read(char* bytes, size_t max) override {
    size_t got = 0;
    while (got == 0 && !reader_.is_done()) {
      budget_.check_stop();
      got = read_some(std::span(bytes, max));
    }
    budget_.inflate(static_cast<int64_t>(got));
    return got;
  }

  int64_t seek(int64_t) override { return 0; }
  int64_t trailing_bytes() const override { return reader_.trailing_bytes(); }

 private:
  // What the source throws is an IoError, or the caller's own.
  size_t read_some(std::span<char> room) try {
    return reader_.read(room);
  } catch (const FormatError& error) {
    throw FormatError(concat(budget_.who(), ": ", error.what()));
  }

  PlainInput plain_;
  ArchiveBudget& budget_;
  std::string chunk_;
  GzipReader reader_;
};

// Exceptions may not pass through libarchive, so they are kept and thrown behind its call.
class FilteredInput : public ByteStream::Input {
 public:
  FilteredInput(const InputFile& file, ArchiveBudget& budget)
      : plain_(file, budget), budget_(budget), filter_(open_filter()), chunk_(kChunk, '\0') {
    archive_entry* entry = nullptr;
    if (archive_read_open(filter_.get(), this, nullptr, read_compressed, nullptr) != ARCHIVE_OK ||
        archive_read_next_header(filter_.get(), &entry) < ARCHIVE_WARN) {
      fail();
    }
  }

  size_t read(char* bytes, size_t max) override {
    budget_.check_stop();
    const la_ssize_t got = archive_read_data(filter_.get(), bytes, max);
    if (got < 0) fail();
    budget_.inflate(got);
    return static_cast<size_t>(got);
  }

  int64_t seek(int64_t) override { return 0; }
  // libarchive takes for padding what follows bzip2 data
  int64_t trailing_bytes() const override {
    return plain_.size() - archive_filter_bytes(filter_.get(), -1);
  }

 private:
  static la_ssize_t read_compressed(archive*, void* self, const void** bytes) {
    auto* input = static_cast<FilteredInput*>(self);
    try {
      *bytes = input->chunk_.data();
      return static_cast<la_ssize_t>(
          input->plain_.read(input->chunk_.data(), input->chunk_.size()));
    } catch (...) {
      input->failure_ = std::current_exception();
      return ARCHIVE_FATAL;
    }
  }

  [[noreturn]] void fail() {
    if (failure_ != nullptr) std::rethrow_exception(failure_);
    throw FormatError(concat(budget_.who(), ": not readable as an archive: ", reason_of(filter_)));
  }

  PlainInput plain_;
  ArchiveBudget& budget_;
  Filter filter_;
  std::string chunk_;
  std::exception_ptr failure_;
};

}  // namespace

ByteStream::ByteStream(const InputFile& file, ArchiveBudget& budget) {
  std::string magic(static_cast<size_t>(std::min<int64_t>(file.size(), 8)), '\0');
  file.read_at(0, std::as_writable_bytes(std::span(magic)));
  if (is_gzip(magic)) {
    input_ = std::make_unique<GzipInput>(file, budget);
  } else if (is_compressed(magic)) {
    input_ = std::make_unique<FilteredInput>(file, budget);
  } else {
    input_ = std::make_unique<PlainInput>(file, budget);
  }
}

ByteStream::~ByteStream() = default;

int64_t ByteStream::trailing_bytes() const { return input_->trailing_bytes(); }

bool ByteStream::fill() {
  buffer_.erase(0, begin_);
  begin_ = 0;
  const size_t had = buffer_.size();
  buffer_.resize(had + kChunk);
  buffer_.resize(had + input_->read(buffer_.data() + had, kChunk));
  return buffer_.size() > had;
}

std::string_view ByteStream::peek(size_t count) {
  while (buffer_.size() - begin_ < count && fill()) {
  }
  return std::string_view(buffer_).substr(begin_, count);
}

std::string_view ByteStream::take(size_t max) {
  if (begin_ == buffer_.size()) fill();
  const std::string_view part = std::string_view(buffer_).substr(begin_, max);
  begin_ += part.size();
  position_ += static_cast<int64_t>(part.size());
  return part;
}

bool ByteStream::skip(int64_t count) {
  while (count > 0) {
    const auto buffered = static_cast<int64_t>(buffer_.size() - begin_);
    const int64_t sought = buffered == 0 ? input_->seek(count) : 0;
    if (sought > 0) {
      position_ += sought;
      count -= sought;
      continue;
    }
    const auto part = take(static_cast<size_t>(std::min<int64_t>(count, kChunk)));
    if (part.empty()) return false;
    count -= static_cast<int64_t>(part.size());
  }
  return true;
}

void decompress_filtered(std::string_view bytes, const std::string& prefix,
                         const std::function<void(std::string_view part)>& take) {
  const Filter filter = open_filter();
  const std::string whole = concat(prefix, bytes);
  archive_entry* entry = nullptr;
  if (archive_read_open_memory(filter.get(), whole.data(), whole.size()) != ARCHIVE_OK ||
      archive_read_next_header(filter.get(), &entry) < ARCHIVE_WARN) {
    throw FormatError(reason_of(filter));
  }
  std::string chunk(kChunk, '\0');
  while (true) {
    const la_ssize_t got = archive_read_data(filter.get(), chunk.data(), chunk.size());
    if (got < 0) throw FormatError(reason_of(filter));
    if (got == 0) return;
    take(std::string_view(chunk).substr(0, static_cast<size_t>(got)));
  }
}

}  // namespace ddpm
