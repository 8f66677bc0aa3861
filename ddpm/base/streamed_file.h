// A file that is written piece by piece, so that none of it has to be in memory as a whole.

#pragma once

#include <cstdint>
#include <filesystem>
#include <functional>
#include <span>
#include <string>
#include <vector>

#include "ddpm/base/file.h"
#include "ddpm/base/sha256.h"

namespace ddpm {

// Takes the bytes of a file in their order, in pieces of any size.
using ByteSink = std::function<void(std::span<const std::byte> piece)>;

// Writes through a FileLayer; for a file within a folder that write_folder_whole makes appear.
// Small pieces are gathered, so at most kBufferBytes are copied.
class StreamedFile {
 public:
  static constexpr size_t kBufferBytes = size_t{1} << 20;

  StreamedFile(std::filesystem::path path, FileLayer& files);

  void add(std::span<const std::byte> piece);  // throws IoError

  // Writes what was gathered; an empty file where nothing was added. To be called once, at the end.
  void finish();

  int64_t bytes() const { return bytes_; }     // added
  std::string sha256() { return sha_.hex(); }  // of all bytes added; may be called once

 private:
  void put(std::span<const std::byte> bytes);

  std::filesystem::path path_;
  FileLayer& files_;
  Sha256 sha_;
  std::vector<std::byte> buffer_;
  int64_t bytes_ = 0;
  bool begun_ = false;
};

}  // namespace ddpm
