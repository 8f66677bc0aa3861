#include "ddpm/base/file.h"

#include <gtest/gtest.h>

#include "ddpm/base/check.h"
#include "ddpm/base/sha256.h"
#include "ddpm/testing/complaint.h"
#include "ddpm/testing/faulty_files.h"
#include "ddpm/testing/temporary_folder.h"

namespace ddpm {
namespace {

namespace fs = std::filesystem;

class FileTest : public testing::Test {
 protected:
  const TemporaryFolder folder_;
};

TEST_F(FileTest, AWholeFileReplacesTheOldOneAndLeavesNothingBeside) {
  write_file_whole(folder_ / "a", "first");
  write_file_whole(folder_ / "a", std::string("sec\0nd", 6));
  EXPECT_EQ(read_file(folder_ / "a", 100), std::string("sec\0nd", 6));
  EXPECT_EQ(folder_.entries(), 1);
}

TEST_F(FileTest, FilesInPartsAppearTogether) {
  write_files_whole({{folder_ / "data", {"one ", "", "two"}}, {folder_ / "model", {"tells"}}});
  EXPECT_EQ(read_file(folder_ / "data", 100), "one two");
  EXPECT_EQ(read_file(folder_ / "model", 100), "tells");
  EXPECT_EQ(folder_.entries(), 2);
}

// Whatever the disk forgets, the file that tells of the other is never there with another's bytes.
TEST_F(FileTest, AfterACrashTheLastOfSeveralFilesTellsOfItsOwnOrIsMissing) {
  using Loss = FaultyFiles::Loss;
  const auto write = [this](const std::string& what, FileLayer& files) {
    write_files_whole({{folder_ / "data", {what, " data"}}, {folder_ / "model", {what}}}, files);
  };
  int64_t complete = 0;
  int64_t missing = 0;
  for (const Loss loss : {Loss::kNothing, Loss::kBytes, Loss::kNames}) {
    bool cut = true;
    for (int64_t at = 0; cut; ++at) {
      write("old", real_files());
      FaultyFiles files(folder_ / "attic", at, /*torn=*/at % 2 == 1);
      cut = false;
      try {
        write("new", files);
      } catch (const FaultyFiles::Cut&) {
        cut = true;
        files.lose(loss);
      }
      if (!fs::exists(folder_ / "model")) {
        ++missing;
        continue;
      }
      const std::string model = read_file(folder_ / "model", 100);
      EXPECT_EQ(read_file(folder_ / "data", 100), model + " data") << "cut at " << at;
      EXPECT_TRUE(cut ? model == "old" || model == "new" : model == "new") << at;
      ++complete;
    }
  }
  EXPECT_GT(complete, 15);
  EXPECT_GT(missing, 3);
}

TEST_F(FileTest, AWholeFolderAppearsWithItsContents) {
  write_folder_whole(folder_ / "f", [](const fs::path& inside) {
    real_files().make_folder(inside / "deep");
    real_files().write(inside / "deep" / "x", as_bytes("1"));
  });
  EXPECT_EQ(read_file(folder_ / "f" / "deep" / "x", 10), "1");
  EXPECT_EQ(folder_.entries(), 1);
  EXPECT_THROW(write_folder_whole(folder_ / "f", [](const fs::path&) {}), InvalidArgument);
}

TEST_F(FileTest, AnExceptionWhileAFolderIsFilledLeavesItsNameFree) {
  EXPECT_THROW(write_folder_whole(folder_ / "f", [](const fs::path&) { throw IoError("full"); }),
               IoError);
  EXPECT_FALSE(fs::exists(folder_ / "f"));
  EXPECT_EQ(folder_.entries(), 0);  // nor a temporary one
}

TEST_F(FileTest, AnEmptyFolderIsFilledWholeAndAFullOneIsRefused) {
  const auto fill = [](const fs::path& inside) { real_files().write(inside / "x", as_bytes("1")); };
  fs::create_directories(folder_ / "f");
  write_folder_whole(folder_ / "f", fill);
  EXPECT_EQ(read_file(folder_ / "f" / "x", 10), "1");
  EXPECT_EQ(folder_.entries(), 1);
  fs::create_directories(folder_ / "g");
  EXPECT_THROW(write_folder_whole(folder_ / "g", [](const fs::path&) { throw IoError("full"); }),
               IoError);
  EXPECT_TRUE(fs::is_empty(folder_ / "g"));
  write_file_whole(folder_ / "h", "a file");
  EXPECT_THROW(write_folder_whole(folder_ / "h", fill), InvalidArgument);
}

TEST_F(FileTest, ReadingNamesThePathAndTheReason) {
  EXPECT_EQ(complaint<IoError>([&] { read_file(folder_ / "none", 10); }),
            concat("cannot open ", (folder_ / "none").string(), ": No such file or directory"));
  EXPECT_THROW(read_file(folder_, 10), IoError);
  write_file_whole(folder_ / "long", "12345678901");
  EXPECT_THROW(read_file(folder_ / "long", 10), FormatError);
}

TEST_F(FileTest, AppendingKeepsWhatIsThere) {
  real_files().append(folder_ / "log", as_bytes("1\n"));
  real_files().append(folder_ / "log", as_bytes("2\n"));
  EXPECT_EQ(read_file(folder_ / "log", 100), "1\n2\n");
}

// The examples of FIPS 180-4's appendix (one and two blocks) and the empty message.
TEST_F(FileTest, Sha256GivesThePublishedDigests) {
  EXPECT_EQ(sha256_hex(as_bytes("abc")),
            "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
  EXPECT_EQ(sha256_hex({}), "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855");
  const std::string_view two_blocks = "abcdbcdecdefdefgefghfghighijhijkijkljklmklmnlmnomnopnopq";
  Sha256 pieces;
  pieces.add(as_bytes(two_blocks.substr(0, 10)));
  pieces.add(as_bytes(two_blocks.substr(10)));
  EXPECT_EQ(pieces.hex(), "248d6a61d20638b8e5c026930c3e6039a33ce45964ff2167f6ecedd419db06c1");
  write_file_whole(folder_ / "abc", "abc");
  EXPECT_EQ(sha256_of_file(folder_ / "abc"), sha256_hex(as_bytes("abc")));
}

}  // namespace
}  // namespace ddpm
