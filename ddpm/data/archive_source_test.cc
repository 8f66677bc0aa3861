// Archives as sources of images.

#include <archive.h>
#include <archive_entry.h>
#include <gtest/gtest.h>

#include <clocale>
#include <filesystem>
#include <string>
#include <vector>

#include "ddpm/base/check.h"
#include "ddpm/base/file.h"
#include "ddpm/data/dataset.h"
#include "ddpm/data/source.h"
#include "ddpm/formats/png.h"
#include "ddpm/testing/complaint.h"
#include "ddpm/testing/temporary_folder.h"
#include "ddpm/testing/toy_files.h"
#include "ddpm/testing/toy_images.h"

namespace ddpm {
namespace {

namespace fs = std::filesystem;
using Names = std::vector<std::string>;

DataOptions options_for(const fs::path& path) {
  DataOptions options;
  options.spec = path.string();
  return options;
}

Source open(const fs::path& path) { return open_source(options_for(path)); }
Dataset open_data(const fs::path& path) { return open_dataset(options_for(path)); }

std::string toy_png(int64_t height, int64_t width, int64_t channels, uint64_t index, int bits = 8) {
  return encode_png(toy_image(height, width, channels, index, bits));
}

TEST(Archive, OfJpegFilesWithDamagedOnesAmongThemIsRead) {
  ToyEntries entries;
  for (uint64_t i = 0; i < 20; ++i) {
    entries.push_back({concat("images/", 10 + i, ".jpg"), toy_jpeg(toy_image(16, 16, 3, i))});
  }
  entries.push_back({"images/a-truncated.jpg", entries[3].second.substr(0, 300)});
  entries.push_back({"images/b-empty.png", ""});
  entries.push_back({"images/c-deep.png", toy_png(16, 16, 1, 50, 16)});
  entries.push_back({"images/d.txt", "not an image"});
  const TemporaryFolder folder;
  write_toy_archive(folder / "images.tar.gz", ToyArchive::kTarGz, entries);
  DataOptions options = options_for(folder / "images.tar.gz");
  EXPECT_THROW(open_dataset(options), FormatError);  // 2 of 23 are more than one in a hundred
  options.max_bad_share = 0.1;
  const Dataset dataset = open_dataset(options);
  const DataReport& report = dataset.report();
  EXPECT_EQ(report.found, 23);
  EXPECT_EQ(report.used, 21);
  EXPECT_EQ(report.unreadable, 2);
  EXPECT_EQ(report.converted, 1);
  ASSERT_EQ(report.bad_names.size(), 2u);
  EXPECT_EQ(report.bad_names[0].rfind("images/a-truncated.jpg: ", 0), 0u);
  EXPECT_EQ(report.bad_names[1].rfind("images/b-empty.png: expected ", 0), 0u);
  // the deep one keeps its 16 bits
  const Image deep = toy_image(16, 16, 1, 50, 16);
  EXPECT_EQ(unit_to_word(read_image(dataset, 20)[5]), deep.samples[5]);
}

TEST(Archive, OfTarWithASecondOneBehindItNamesWhatIsNotRead) {
  const TemporaryFolder folder;
  write_toy_archive(folder / "a.tar.gz", ToyArchive::kTarGz, {{"a.png", toy_png(4, 4, 1, 0)}});
  const std::string one = read_file(folder / "a.tar.gz", 100'000);
  EXPECT_TRUE(open_data(folder / "a.tar.gz").report().notes.empty());
  const Dataset two = open_data(folder.write("b.tar.gz", one + one));
  EXPECT_EQ(two.size(), 1);
  EXPECT_NE(two.report().lines().find(" bytes follow the end of the archive and were not read"),
            std::string::npos)
      << two.report().lines();
}

TEST(Archive, HasTheFingerprintOfTheFolderThatItWasMadeFrom) {
  const TemporaryFolder folder;
  ToyEntries entries;
  for (const uint64_t i : {3, 0, 2, 1}) {  // an archive need not be sorted
    entries.push_back({concat("./x", i, "/a.png"), toy_png(5, 6, 3, i)});
    folder.write(concat("flowers/x", i, "/a.png"), entries.back().second);
  }
  write_toy_archive(folder / "a.tar.gz", ToyArchive::kTarGz, entries);
  write_toy_archive(folder / "a.ZIP", ToyArchive::kZip, entries);
  const std::string expected = open_data(folder / "flowers").fingerprint();
  EXPECT_EQ(open_data(folder / "a.tar.gz").fingerprint(), expected);
  EXPECT_EQ(open_data(folder / "a.ZIP").fingerprint(), expected);
  EXPECT_EQ(expected, make_dataset(toy_images(4, 5, 6, 3)).fingerprint());
  Image changed = toy_image(5, 6, 3, 2);
  changed.at(4, 5, 2) ^= 1;
  folder.write("flowers/x2/a.png", encode_png(changed));
  EXPECT_NE(open_data(folder / "flowers").fingerprint(), expected);
}

TEST(Archive, OfAnEntryThatComesTwiceTheLastCounts) {
  const TemporaryFolder folder;
  const fs::path file = folder / "a.tar.gz";
  write_toy_archive(file, ToyArchive::kTarGz,
                    {{"a.png", toy_png(4, 4, 1, 0)}, {"./a.png", toy_png(4, 4, 1, 1)}});
  EXPECT_EQ(open_data(file).fingerprint(), make_dataset({toy_image(4, 4, 1, 1)}).fingerprint());
}

TEST(Archive, ThatIsTooLargeForMemoryIsRefused) {
  const TemporaryFolder folder;
  const fs::path file = folder / "a.zip";
  write_toy_archive(file, ToyArchive::kZip, {{"a.png", toy_png(40, 40, 3, 0)}});
  DataOptions options = options_for(file);
  options.archive_limit_bytes = 1024;
  EXPECT_EQ(complaint<InvalidArgument>([&] { open_source(options); }),
            "data: expected an archive with at most 1.0 KiB of image files, got more in " +
                file.string() + "; unpack it and give the folder");
}

TEST(Archive, WithoutImagesOrDamagedIsAnError) {
  const TemporaryFolder folder;
  const fs::path file = folder / "a.tar.gz";
  write_toy_archive(file, ToyArchive::kTarGz, {{"a.txt", "a"}, {".b.png", "b"}});
  EXPECT_NE(
      complaint<FormatError>([&] { open(file); }).find("got none but .txt (1), hidden files (1)"),
      std::string::npos);
  folder.write("a.tar.gz", "this is no archive at all");
  EXPECT_THROW(open(file), FormatError);
}

TEST(Archive, CopiesAreKnownByTheirBytes) {
  const TemporaryFolder folder;
  const std::string a = toy_png(4, 4, 1, 0);
  const std::string cut = a.substr(0, 30);
  write_toy_archive(
      folder / "a.zip", ToyArchive::kZip,
      {{"a.png", a}, {"b.png", toy_png(4, 4, 1, 1)}, {"c.png", a}, {"d.png", cut}, {"e.png", cut}});
  EXPECT_EQ(open(folder / "a.zip").first_copy, (std::vector<int64_t>{0, 1, 0, 3, 3}));
  DataOptions options = options_for(folder / "a.zip");
  options.max_bad_share = 1.0;
  const DataReport report = open_dataset(options).report();
  EXPECT_EQ(report.used, 3);
  ASSERT_EQ(report.bad_names.size(), 2u);
  EXPECT_EQ(report.bad_names[0].substr(0, 7), "d.png: ");
  EXPECT_EQ(report.bad_names[1], "e" + report.bad_names[0].substr(1));
  write_toy_archive(folder / "b.zip", ToyArchive::kZip, {{"a.png", a}, {"d.png", cut}});
  EXPECT_TRUE(open(folder / "b.zip").first_copy.empty());
}

TEST(Archive, IsReadAgainFromMemoryWhenImagesAreNotKept) {
  const TemporaryFolder folder;
  const fs::path file = folder / "a.zip";
  write_toy_archive(file, ToyArchive::kZip,
                    {{"a.png", toy_png(4, 4, 1, 0)}, {"b.png", toy_png(4, 4, 1, 1)}});
  DataOptions options = options_for(file);
  options.memory_limit_bytes = 0;
  const Dataset dataset = open_dataset(options);
  fs::remove(file);
  EXPECT_EQ(read_image(dataset, 1), read_image(make_dataset({toy_image(4, 4, 1, 1)}), 0));
}

// An entry of a tar file: bytes, or where it links to.
struct TarEntry {
  std::string name;
  std::string text;
  char type = 'f';  // f file, h hard link, s symbolic link, p FIFO
};

fs::path write_tar(const fs::path& path, const std::vector<TarEntry>& entries) {
  archive* out = archive_write_new();
  archive_write_set_format_pax_restricted(out);
  archive_write_open_filename(out, path.c_str());
  for (const auto& [name, text, type] : entries) {
    archive_entry* entry = archive_entry_new();
    archive_entry_set_pathname(entry, name.c_str());
    archive_entry_set_filetype(entry, type == 's' ? AE_IFLNK : type == 'p' ? AE_IFIFO : AE_IFREG);
    archive_entry_set_perm(entry, 0644);
    if (type == 'f') archive_entry_set_size(entry, static_cast<int64_t>(text.size()));
    if (type == 'h') archive_entry_set_hardlink(entry, text.c_str());
    if (type == 's') archive_entry_set_symlink(entry, text.c_str());
    archive_write_header(out, entry);
    if (type == 'f') archive_write_data(out, text.data(), text.size());
    archive_entry_free(entry);
  }
  archive_write_free(out);
  return path;
}

// Forward and backward, in chains, through links to folders, to files of other names, and hidden
// ones.
TEST(ArchiveLinks, LeadToTheFilesAsInAnUnpackedFolder) {
  const TemporaryFolder folder;
  const std::string one = toy_png(4, 4, 3, 1);
  const std::string two = toy_png(4, 4, 3, 2);
  const fs::path file = write_tar(folder / "a.tar", {{"set/early.png", "all/one.png", 'h'},
                                                     {"all/one.png", one},
                                                     {"set/1.png", "all/one.png", 'h'},
                                                     {"set/2.png", "set/1.png", 'h'},
                                                     {"set/3.png", "../all/one.png", 's'},
                                                     {"set/4.png", "3.png", 's'},
                                                     {"set/5.png", "../way/one.png", 's'},
                                                     {"way", "all", 's'},
                                                     {"set/6.png", "../blobs/0123", 's'},
                                                     {"blobs/0123", two},
                                                     {"set/7.png", "../.git/x.png", 's'},
                                                     {".git/x.png", two}});
  const Dataset dataset = open_data(file);
  EXPECT_EQ(dataset.size(), 9);
  EXPECT_EQ(dataset.report().unreadable, 0);
  std::vector<Image> ordered;
  for (const char which : std::string("111111221")) {  // all/one, set/1 .. set/7, set/early
    ordered.push_back(toy_image(4, 4, 3, which == '1' ? 1 : 2));
  }
  EXPECT_EQ(dataset.fingerprint(), make_dataset(ordered).fingerprint());
  const LeftOut expected = {
      {"links to folders that are read already", 1}, {"no ending", 1}, {"hidden folders", 1}};
  EXPECT_EQ(dataset.report().left_out, expected);
}

TEST(ArchiveLinks, ThatLeadNowhereAreUnreadableFiles) {
  const TemporaryFolder folder;
  const fs::path file = write_tar(folder / "a.tar", {{"a.png", toy_png(4, 4, 3, 1)},
                                                     {"b.png", "gone.png", 's'},
                                                     {"c.png", "../../a.png", 's'},
                                                     {"d.png", "/etc/d.png", 's'},
                                                     {"e.png", "f.png", 's'},
                                                     {"f.png", "e.png", 's'},
                                                     {"g.png", "gone.png", 'h'},
                                                     {"h", "gone", 's'},
                                                     {"i.png", "", 'p'}});
  DataOptions options = options_for(file);
  options.max_bad_share = 0.9;
  const Dataset dataset = open_dataset(options);
  EXPECT_EQ(dataset.report().found, 7);
  EXPECT_EQ(dataset.report().unreadable, 6);
  EXPECT_EQ(dataset.report().bad_names[0],
            "b.png: a link to gone.png, which cannot be read from the archive");
  const LeftOut expected = {{"no ending", 1}, {"FIFOs, sockets and devices", 1}};
  EXPECT_EQ(dataset.report().left_out, expected);
}

// A hard link keeps the file that had the name when the link was made.
TEST(ArchiveLinks, KeepTheFileThatIsReplacedLater) {
  const TemporaryFolder folder;
  const fs::path file = write_tar(
      folder / "a.tar",
      {{"a.png", toy_png(4, 4, 3, 1)}, {"b.png", "a.png", 'h'}, {"a.png", toy_png(4, 4, 3, 2)}});
  EXPECT_EQ(open_data(file).fingerprint(),
            make_dataset({toy_image(4, 4, 3, 2), toy_image(4, 4, 3, 1)}).fingerprint());
}

TEST(Archive, CountsWhatIsLeftOutAsTheFolderDoes) {
  const TemporaryFolder folder;
  const std::vector<std::string> names = {
      "a.txt",        "x/b.TXT",    "c.tar.gz",        "x/.d",  "e",
      ".git/f/g.png", ".git/h.txt", "run/config.json", "r.png", "run/checkpoints/1/x.json",
      "run/s.png"};
  ToyEntries entries = {{"p.png", toy_png(4, 4, 1, 0)}};
  for (const std::string& name : names) entries.push_back({name, toy_png(4, 4, 1, 1)});
  for (const auto& [name, bytes] : entries) folder.write("set/" + name, bytes);
  write_toy_archive(folder / "a.zip", ToyArchive::kZip, entries);
  const Source unpacked = open(folder / "set");
  const Source packed = open(folder / "a.zip");
  EXPECT_EQ(packed.names, unpacked.names);
  LeftOut expected = unpacked.left_out;
  expected[".json"] = 2;  // of the run, which the archive's reader knows at the end alone
  EXPECT_EQ(packed.left_out, expected);
}

TEST(Archive, WithNamesInAnyEncodingHasTheFingerprintOfItsFolderInAnyLocale) {
  const TemporaryFolder folder;
  ToyEntries entries;
  for (const char* name : {"a.png", "caf\u00e9.png", "caf\xe9.png", "\u82b1.png", "z\xff.png"}) {
    entries.push_back({name, toy_png(4, 4, 3, entries.size())});
    folder.write(std::string("set/") + name, entries.back().second);
  }
  write_toy_archive(folder / "a.zip", ToyArchive::kZip, entries);
  write_toy_archive(folder / "a.tar.gz", ToyArchive::kTarGz, entries);
  for (const char* locale : {"C", "C.UTF-8"}) {
    ASSERT_NE(std::setlocale(LC_ALL, locale), nullptr);
    const std::string expected = open_data(folder / "set").fingerprint();
    EXPECT_EQ(open_data(folder / "a.zip").fingerprint(), expected);
    EXPECT_EQ(open_data(folder / "a.tar.gz").fingerprint(), expected);
  }
  std::setlocale(LC_ALL, "C");
}

TEST(Archive, OneBadMemberIsOneBadFile) {
  const TemporaryFolder folder;
  ToyEntries entries;
  for (uint64_t i = 0; i < 8; ++i) entries.push_back({concat(i, ".png"), toy_png(8, 8, 3, i)});
  write_toy_archive(folder / "a.zip", ToyArchive::kZip, entries);
  std::string zip = read_file(folder / "a.zip", 1 << 20);
  const size_t third = zip.find("3.png");
  for (size_t i = third + 60; i < third + 70; ++i) zip[i] = static_cast<char>(~zip[i]);
  const fs::path file = folder.write("bad.zip", zip);
  EXPECT_NE(complaint<FormatError>([&] { open_data(file); }).find("first 3.png: damaged: "),
            std::string::npos);
  DataOptions options = options_for(file);
  options.max_bad_share = 0.2;
  EXPECT_EQ(open_dataset(options).size(), 7);
}

TEST(Archive, OfAnotherDataSetIsRefusedWithTheWayOut) {
  const TemporaryFolder folder;
  const auto message = [&](const std::string& name) {
    write_toy_archive(folder / "a.tar.gz", ToyArchive::kTarGz, {{name, "x"}});
    return complaint<FormatError>([&] { open(folder / "a.tar.gz"); });
  };
  EXPECT_NE(message("cifar-10-batches-bin/data_batch_1.bin").find("unpack it and give its folder"),
            std::string::npos);
  EXPECT_NE(message("cifar-10-batches-py/batches.meta").find("binary version"), std::string::npos);
  EXPECT_NE(message("raw/train-images-idx3-ubyte").find("unpack it and give raw/train"),
            std::string::npos);
  EXPECT_NE(message("inner.zip").find("unpack it and give inner.zip"), std::string::npos);
}

}  // namespace
}  // namespace ddpm
