#include "ddpm/formats/npz.h"

#include <archive.h>
#include <archive_entry.h>

#include <exception>
#include <utility>

#include "ddpm/base/check.h"

namespace ddpm {

namespace {

constexpr int64_t kFirstDayOfZip = 315532800;  // 1980-01-01 in seconds

}  // namespace

struct NpzWriter::Zip {
  ByteSink sink;
  std::exception_ptr failure;  // of the sink: it must not pass through the library's C code
  int64_t left = 0;            // bytes of the array that were not added yet
  // last, so that closing it finds the others
  std::unique_ptr<struct archive, int (*)(struct archive*)> out{archive_write_new(),
                                                                archive_write_free};

  // Throws what the sink threw, otherwise the library's reason, unless `good`.
  void check(bool good) const {
    if (failure != nullptr) std::rethrow_exception(failure);
    if (!good) throw IoError(concat("npz: ", archive_error_string(out.get())));
  }

  void put(std::span<const std::byte> bytes) const {
    check(archive_write_data(out.get(), bytes.data(), bytes.size()) == std::ssize(bytes));
  }

  static la_ssize_t take(struct archive*, void* self, const void* data, size_t size) {
    Zip& zip = *static_cast<Zip*>(self);
    if (zip.failure != nullptr) return -1;
    try {
      zip.sink({static_cast<const std::byte*>(data), size});
    } catch (...) {
      zip.failure = std::current_exception();
      return -1;
    }
    return static_cast<la_ssize_t>(size);
  }
};

NpzWriter::NpzWriter(const std::string& name, const NpyArray& array, ByteSink sink)
    : zip_(std::make_unique<Zip>()) {
  const std::string header = npy_header(array);
  zip_->sink = std::move(sink);
  zip_->left = npy_data_bytes(array);
  struct archive* out = zip_->out.get();
  const std::unique_ptr<archive_entry, void (*)(archive_entry*)> entry(archive_entry_new(),
                                                                       archive_entry_free);
  archive_write_set_format_zip(out);
  archive_write_set_options(out, "zip:compression=store");
  archive_write_set_bytes_in_last_block(out, 1);
  zip_->check(archive_write_open(out, zip_.get(), nullptr, Zip::take, nullptr) == ARCHIVE_OK);
  archive_entry_set_pathname(entry.get(), (name + ".npy").c_str());
  archive_entry_set_size(entry.get(), std::ssize(header) + zip_->left);
  archive_entry_set_filetype(entry.get(), AE_IFREG);
  archive_entry_set_perm(entry.get(), 0644);
  archive_entry_set_mtime(entry.get(), kFirstDayOfZip, 0);
  zip_->check(archive_write_header(out, entry.get()) == ARCHIVE_OK);
  zip_->put(as_bytes(header));
}

NpzWriter::~NpzWriter() {
  // what the library writes as it is closed is of no more use
  if (zip_->failure == nullptr) zip_->sink = [](std::span<const std::byte>) {};
}

void NpzWriter::add(std::span<const std::byte> values) {
  DDPM_ASSERT(std::ssize(values) <= zip_->left);
  zip_->put(values);
  zip_->left -= std::ssize(values);
}

void NpzWriter::finish() {
  DDPM_ASSERT(zip_->left == 0);
  zip_->check(archive_write_close(zip_->out.get()) == ARCHIVE_OK);
}

std::string encode_npz(const std::string& name, const NpyArray& array) {
  std::string zip;
  NpzWriter writer(name, array,
                   [&zip](std::span<const std::byte> piece) { zip += as_text(piece); });
  writer.add(as_bytes(array.bytes));
  writer.finish();
  return zip;
}

}  // namespace ddpm
