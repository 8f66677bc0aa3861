#include "ddpm/base/streamed_file.h"

#include <utility>

namespace ddpm {

StreamedFile::StreamedFile(std::filesystem::path path, FileLayer& files)
    : path_(std::move(path)), files_(files) {}

void StreamedFile::put(std::span<const std::byte> bytes) {
  if (begun_) return files_.append(path_, bytes);
  files_.write(path_, bytes);
  begun_ = true;
}

void StreamedFile::add(std::span<const std::byte> piece) {
  sha_.add(piece);
  bytes_ += std::ssize(piece);
  if (buffer_.size() + piece.size() > kBufferBytes && !buffer_.empty()) {
    put(buffer_);
    buffer_.clear();
  }
  if (piece.size() > kBufferBytes) return put(piece);
  buffer_.insert(buffer_.end(), piece.begin(), piece.end());
}

void StreamedFile::finish() {
  if (!buffer_.empty() || !begun_) put(buffer_);
  buffer_.clear();
}

}  // namespace ddpm
