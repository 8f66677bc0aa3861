// Entries that are damaged, encrypted or of unusual forms, each of which is bad alone.

#include <gtest/gtest.h>

#include <filesystem>
#include <string>
#include <vector>

#include "ddpm/base/check.h"
#include "ddpm/testing/toy_archives.h"

namespace ddpm {
namespace {

namespace fs = std::filesystem;

using ArchiveMember = ToyArchives;

TEST_F(ArchiveMember, EntryOfZipWhoseBytesAreDamagedIsBadAlone) {
  for (const char* options : {"zip:compression=store", "zip:compression=deflate"}) {
    const std::vector<Member> members = {{"one", noise(300)}, {"two", noise(2000)}, {"three", "x"}};
    std::string zip = read_bytes(make("a.zip", members, options));
    // two, wherever it begins, has byte 1500 of the file
    for (size_t i = 1500; i < 1520; ++i) zip[i] = static_cast<char>(zip[i] ^ 0x55);
    const auto read = read_all(folder_.write("bad.zip", zip));
    ASSERT_EQ(read.size(), 3u) << options;
    EXPECT_EQ(read[0], members[0]);
    EXPECT_EQ(read[1].type, kBad);
    EXPECT_EQ(read[1].name, "two");
    EXPECT_EQ(read[1].bytes.rfind("damaged: ", 0), 0u) << read[1].bytes;
    EXPECT_EQ(read[2], members[2]);
  }
}

TEST_F(ArchiveMember, EntryOfZipThatIsEncryptedIsBadAlone) {
  const auto read = read_all(make("a.zip", {{"one", "text"}}, "zip:encryption=traditional"));
  ASSERT_EQ(read.size(), 1u);
  EXPECT_EQ(read[0], (Member{"one", "encrypted; unpack it with its passphrase", kBad}));
}

// tests/hostile/formats/make_containers.py made them with Python's zipfile.
TEST_F(ArchiveMember, EntriesOfZipInOtherCompressionsAreRead) {
  const auto folder = fs::path(DDPM_SOURCE_DIR) / "tests/hostile/formats/archive";
  const auto read = read_all(folder / "whole_methods.zip");
  ASSERT_EQ(read.size(), 5u);
  for (size_t i = 0; i < 4; ++i) EXPECT_EQ(read[i].bytes, read[0].bytes) << read[i].name;
  EXPECT_EQ(read[4].bytes, "compressed by method 9, which is not known here");
  EXPECT_EQ(read_all(folder / "whole_zip64.zip"), (std::vector<Member>{{"a.png", "contents"}}));
  EXPECT_EQ(read_all(folder / "whole_behind_a_program.zip"),
            (std::vector<Member>{{"a.png", "contents"}}));
}

TEST_F(ArchiveMember, EntriesOfZipThatShareBytesAreBad) {
  const auto read = read_all(fs::path(DDPM_SOURCE_DIR) /
                             "tests/hostile/formats/archive/zip_of_overlapping_entries");
  ASSERT_EQ(read.size(), 3u);
  EXPECT_EQ(read[0].type, AE_IFREG);
  for (const size_t i : {1u, 2u}) {
    EXPECT_EQ(read[i].bytes, "its bytes are also those of 0.png");
  }
}

TEST_F(ArchiveMember, EntryInTarsSparseFormIsBadAlone) {
  const auto folder = fs::path(DDPM_SOURCE_DIR) / "tests/hostile/formats/archive";
  for (const char* name : {"sparse_of_gnu.tar", "sparse_of_pax.tar"}) {
    const auto read = read_all(folder / name);
    ASSERT_EQ(read.size(), 2u) << name;
    EXPECT_EQ(read[0].name, "sparse.png");
    EXPECT_EQ(read[0].type, kBad);
    EXPECT_EQ(read[1], (Member{"a.png", "contents"}));
  }
}

// The record at the end of a zip file has the bytes of its comment behind it.
TEST_F(ArchiveMember, CommentOfZipMayLookLikeTheEndOfAZip) {
  const std::string zip = read_bytes(make("a.zip", three()));
  const auto commented = [&](const std::string& comment) {
    std::string bytes = zip + comment;
    bytes[zip.size() - 2] = static_cast<char>(comment.size());
    return folder_.write("commented.zip", bytes);
  };
  const std::string record = zip.substr(zip.size() - 22);
  EXPECT_EQ(read_all(commented("PK\5\6" + std::string(60, '\1'))), three());
  EXPECT_EQ(read_all(commented("PK\5\6" + std::string(60, '\0'))), three());
  EXPECT_EQ(read_all(commented("PK\5\6")), three());
  EXPECT_EQ(read_all(commented("see " + record + " there")), three());
  EXPECT_EQ(read_all(folder_.write("followed.zip", zip + "other bytes")), three());
}

// POSIX: a record of pax without a value deletes what was set before.
TEST_F(ArchiveMember, EmptyValueOfPaxLeavesTheNameOfTheHeader) {
  const std::string tar = read_bytes(make("a.tar", {{"a.png", "contents"}}, "", "ustar"));
  const auto with_records = [&](const std::string& records) {
    const std::string extended = read_bytes(make("x.tar", {{"x", records}}, "", "ustar"));
    std::string header = extended.substr(0, 1024);
    header[156] = 'x';  // its type, with which the sum of its bytes changes
    unsigned sum = 0;
    for (size_t i = 0; i < 512; ++i) {
      sum += i >= 148 && i < 156 ? ' ' : static_cast<unsigned char>(header[i]);
    }
    std::string octal;
    for (int digit = 0; digit < 6; ++digit) {
      octal.insert(octal.begin(), static_cast<char>('0' + (sum >> (3 * digit) & 7)));
    }
    header.replace(148, 7, octal + std::string(1, '\0'));
    return read_all(folder_.write("y.tar", header + tar));
  };
  EXPECT_EQ(with_records("8 path=\n"), (std::vector<Member>{{"a.png", "contents"}}));
  EXPECT_EQ(with_records("14 path=other\n"), (std::vector<Member>{{"other", "contents"}}));
  EXPECT_EQ(with_records("14 path=other\n8 path=\n"), (std::vector<Member>{{"a.png", "contents"}}));
  EXPECT_EQ(with_records("8 size=\n"), (std::vector<Member>{{"a.png", "contents"}}));
}

TEST_F(ArchiveMember, HardLinkOfTarMayHaveContents) {
  const auto read = read_all(fs::path(DDPM_SOURCE_DIR) /
                             "tests/hostile/formats/archive/whole_hard_link_with_contents.tar");
  EXPECT_EQ(read,
            (std::vector<Member>{
                {"a.png", "contents"}, {"b.png", "a.png", kHardLink}, {"c.png", "contents"}}));
}

}  // namespace
}  // namespace ddpm
