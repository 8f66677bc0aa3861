// Files of images for tests.

#pragma once

#include <archive.h>
#include <archive_entry.h>
#include <jpeglib.h>  // after cstdio, which it needs
#include <unistd.h>

#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <filesystem>
#include <string>
#include <utility>
#include <vector>

#include "ddpm/formats/image.h"

namespace ddpm {

// As baseline JPEG of 1 or 3 channels.
inline std::string toy_jpeg(const Image& image) {
  jpeg_compress_struct jpeg;
  jpeg_error_mgr errors;
  jpeg.err = jpeg_std_error(&errors);
  jpeg_create_compress(&jpeg);
  unsigned char* buffer = nullptr;
  unsigned long size = 0;  // NOLINT: libjpeg's type
  jpeg_mem_dest(&jpeg, &buffer, &size);
  jpeg.image_height = static_cast<JDIMENSION>(image.height);
  jpeg.image_width = static_cast<JDIMENSION>(image.width);
  jpeg.input_components = static_cast<int>(image.channels);
  jpeg.in_color_space = image.channels == 1 ? JCS_GRAYSCALE : JCS_RGB;
  jpeg_set_defaults(&jpeg);
  jpeg_start_compress(&jpeg, TRUE);
  std::vector<JSAMPLE> samples(image.samples.begin(), image.samples.end());
  for (int64_t y = 0; y < image.height; ++y) {
    JSAMPROW row = samples.data() + y * image.width * image.channels;
    jpeg_write_scanlines(&jpeg, &row, 1);
  }
  jpeg_finish_compress(&jpeg);
  std::string bytes(reinterpret_cast<char*>(buffer), size);
  jpeg_destroy_compress(&jpeg);
  std::free(buffer);
  return bytes;
}

// Sets the user to nobody while it lives, if we are root, whom no permission stops.
class ToyUser {
 public:
  ToyUser() {
    if (::geteuid() == 0) changed_ = ::seteuid(65534) == 0;
  }
  ~ToyUser() {
    if (changed_ && ::seteuid(0) != 0) std::abort();
  }
  ToyUser(const ToyUser&) = delete;
  ToyUser& operator=(const ToyUser&) = delete;

 private:
  bool changed_ = false;
};

using ToyEntries = std::vector<std::pair<std::string, std::string>>;  // name, bytes

enum class ToyArchive { kTarGz, kZip, kGzip };  // kGzip: the bytes of the one entry

inline void write_toy_archive(const std::filesystem::path& path, ToyArchive kind,
                              const ToyEntries& entries) {
  archive* out = archive_write_new();
  if (kind != ToyArchive::kZip) archive_write_add_filter_gzip(out);
  if (kind == ToyArchive::kZip) archive_write_set_format_zip(out);
  if (kind == ToyArchive::kTarGz) archive_write_set_format_pax_restricted(out);
  if (kind == ToyArchive::kGzip) archive_write_set_format_raw(out);
  archive_write_open_filename(out, path.c_str());
  for (const auto& [name, bytes] : entries) {
    archive_entry* entry = archive_entry_new();
    archive_entry_set_pathname(entry, name.c_str());
    archive_entry_set_size(entry, static_cast<int64_t>(bytes.size()));
    archive_entry_set_filetype(entry, AE_IFREG);
    archive_entry_set_perm(entry, 0644);
    archive_write_header(out, entry);
    archive_write_data(out, bytes.data(), bytes.size());
    archive_entry_free(entry);
  }
  archive_write_free(out);
}

// A uint8 IDX file of rank 3: magic number and extents, each four bytes, the highest first.
inline std::string toy_idx(int64_t count, int64_t height, int64_t width,
                           const std::string& pixels) {
  std::string bytes("\0\0\x08\x03", 4);
  for (const int64_t extent : {count, height, width}) {
    for (int shift = 24; shift >= 0; shift -= 8) {
      bytes += static_cast<char>(extent >> shift & 0xff);
    }
  }
  return bytes + pixels;
}

// `count` records of CIFAR-10; all samples of record i are first + i.
inline std::string toy_cifar(int64_t count, int first) {
  std::string bytes;
  for (int64_t i = 0; i < count; ++i) {
    bytes += static_cast<char>(i % 10);
    bytes += std::string(3072, static_cast<char>(first + i));
  }
  return bytes;
}

}  // namespace ddpm
