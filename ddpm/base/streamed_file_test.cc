#include "ddpm/base/streamed_file.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <memory>

#include "ddpm/testing/temporary_folder.h"

namespace ddpm {
namespace {

namespace fs = std::filesystem;

// The disk, and how large the pieces are that reach it.
class CountingFiles : public FileLayer {
 public:
  std::unique_ptr<NewFile> create(const fs::path& target) override {
    return real_files().create(target);
  }
  void write(const fs::path& path, std::span<const std::byte> bytes) override {
    count(bytes);
    real_files().write(path, bytes);
  }
  void append(const fs::path& path, std::span<const std::byte> bytes) override {
    count(bytes);
    real_files().append(path, bytes);
  }
  void sync(const fs::path&) override {}
  void rename(const fs::path& from, const fs::path& to) override { real_files().rename(from, to); }
  void make_folder(const fs::path& path) override { real_files().make_folder(path); }
  void remove_all(const fs::path& path) override { real_files().remove_all(path); }

  int64_t pieces = 0;
  size_t smallest = SIZE_MAX;  // but for the last

 private:
  void count(std::span<const std::byte> bytes) {
    if (pieces++ > 0) smallest = std::min(smallest, last_);
    last_ = bytes.size();
  }
  size_t last_ = 0;
};

class StreamedFileTest : public testing::Test {
 protected:
  // The file of these pieces must be their bytes in order, with their size and sum.
  void expect_written(const std::vector<std::string>& pieces) {
    StreamedFile file(folder_ / "a", files_);
    std::string all;
    for (const std::string& piece : pieces) {
      file.add(as_bytes(piece));
      all += piece;
    }
    file.finish();
    EXPECT_TRUE(read_file(folder_ / "a", int64_t{1} << 30) == all);
    EXPECT_EQ(file.bytes(), std::ssize(all));
    EXPECT_EQ(file.sha256(), sha256_hex(as_bytes(all)));
  }

  const TemporaryFolder folder_;
  CountingFiles files_;
};

TEST_F(StreamedFileTest, PiecesOfEverySizeComeInTheirOrder) {
  constexpr size_t kBuffer = StreamedFile::kBufferBytes;
  expect_written({});
  expect_written({""});
  expect_written({"one ", "", "two"});
  expect_written({std::string(kBuffer, 'a'), "b", std::string(kBuffer + 1, 'c'), "d"});
  expect_written({"a", std::string(kBuffer - 1, 'b'), "c", std::string(3 * kBuffer, 'd')});
}

TEST_F(StreamedFileTest, AnOlderFileIsReplaced) {
  expect_written({"a long one"});
  expect_written({"short"});
  expect_written({});
}

TEST_F(StreamedFileTest, SmallPiecesReachTheDiskTogether) {
  expect_written(std::vector<std::string>(1000, std::string(3000, 'x')));
  EXPECT_LE(files_.pieces, 3);
  EXPECT_GT(files_.smallest, StreamedFile::kBufferBytes / 2);
}

}  // namespace
}  // namespace ddpm
