// The disk without its waiting: for tests that write much and test no crash.

#pragma once

#include <filesystem>
#include <memory>
#include <span>
#include <utility>

#include "ddpm/base/file.h"

namespace ddpm {

// The real files, never synced.
class HastyFiles : public FileLayer {
 public:
  std::unique_ptr<NewFile> create(const std::filesystem::path& target) override {
    return std::make_unique<HastyNewFile>(real_files().create(target));
  }
  void write(const std::filesystem::path& path, std::span<const std::byte> bytes) override {
    real_files().write(path, bytes);
  }
  void append(const std::filesystem::path& path, std::span<const std::byte> bytes) override {
    real_files().append(path, bytes);
  }
  void sync(const std::filesystem::path&) override {}
  void rename(const std::filesystem::path& from, const std::filesystem::path& to) override {
    real_files().rename(from, to);
  }
  void make_folder(const std::filesystem::path& path) override { real_files().make_folder(path); }
  void remove_all(const std::filesystem::path& path) override { real_files().remove_all(path); }

 private:
  class HastyNewFile : public NewFile {
   public:
    explicit HastyNewFile(std::unique_ptr<NewFile> file) : file_(std::move(file)) {}
    void append(std::span<const std::byte> bytes) override { file_->append(bytes); }
    void sync() override {}
    void publish() override { file_->publish(); }

   private:
    std::unique_ptr<NewFile> file_;
  };
};

inline FileLayer& hasty_files() {
  static HastyFiles files;
  return files;
}

}  // namespace ddpm
