#include "ddpm/formats/archive.h"

#include <archive.h>
#include <archive_entry.h>
#include <gtest/gtest.h>
#include <unistd.h>
#include <zlib.h>

#include <fstream>

#include "ddpm/base/check.h"
#include "ddpm/base/file.h"

namespace ddpm {
namespace {

namespace fs = std::filesystem;

struct Member {
  std::string name;
  std::string bytes;
  unsigned type = AE_IFREG;
};

bool operator==(const Member& a, const Member& b) {
  return a.name == b.name && a.bytes == b.bytes && a.type == b.type;
}

// A private folder that goes with the test.
class Archive : public ::testing::Test {
 protected:
  Archive() : folder_(fs::temp_directory_path() / ("ddpm-archive-" + std::to_string(::getpid()))) {
    fs::create_directories(folder_);
  }
  ~Archive() override { fs::remove_all(folder_); }

  fs::path write(const std::string& name, const std::string& bytes) const {
    std::ofstream(folder_ / name, std::ios::binary) << bytes;
    return folder_ / name;
  }

  // libarchive chooses format and filter by the ending; `options` as it takes them.
  fs::path make(const std::string& name, const std::vector<Member>& members,
                const std::string& options = "") const {
    archive* out = archive_write_new();
    const fs::path path = folder_ / name;
    if (name.ends_with(".zst")) {  // which libarchive does not know by its ending
      EXPECT_EQ(archive_write_set_format_ustar(out), ARCHIVE_OK);
      EXPECT_EQ(archive_write_add_filter_zstd(out), ARCHIVE_OK);
    } else {
      EXPECT_EQ(archive_write_set_format_filter_by_ext(out, name.c_str()), ARCHIVE_OK) << name;
    }
    if (!options.empty()) {
      EXPECT_EQ(archive_write_set_options(out, options.c_str()), ARCHIVE_OK);
      archive_write_set_passphrase(out, "secret");
    }
    EXPECT_EQ(archive_write_open_filename(out, path.c_str()), ARCHIVE_OK);
    for (const Member& member : members) {
      archive_entry* entry = archive_entry_new();
      archive_entry_set_pathname(entry, member.name.c_str());
      archive_entry_set_filetype(entry, member.type);
      archive_entry_set_perm(entry, 0644);
      archive_entry_set_size(entry, std::ssize(member.bytes));
      if (member.type == AE_IFLNK) archive_entry_set_symlink(entry, "elsewhere");
      EXPECT_GE(archive_write_header(out, entry), ARCHIVE_WARN) << archive_error_string(out);
      archive_write_data(out, member.bytes.data(), member.bytes.size());
      archive_entry_free(entry);
    }
    EXPECT_EQ(archive_write_close(out), ARCHIVE_OK);
    archive_write_free(out);
    return path;
  }

  fs::path folder_;
};

// All that is taken; a too large entry has the bytes "too large".
std::vector<Member> read_all(const fs::path& path, int64_t most_bytes = 1'000'000) {
  std::vector<Member> members;
  for_each_archive_entry(
      path, most_bytes, [](const std::string&) { return true; },
      [&members](const ArchiveEntry& entry, bool too_large) {
        if (too_large) {
          EXPECT_EQ(entry.bytes, "");
        }
        members.push_back({entry.name, too_large ? "too large" : entry.bytes});
      });
  return members;
}

std::string error_of(const fs::path& path) {
  try {
    read_all(path);
  } catch (const FormatError& error) {
    return error.what();
  }
  return "no error";
}

std::string read_bytes(const fs::path& path) { return read_file(path, 1'000'000'000); }

// Bytes that no filter can shorten much.
std::string noise(size_t size) {
  std::string bytes;
  uint32_t state = 1;
  for (size_t i = 0; i < size; ++i) {
    state = state * 1664525u + 1013904223u;
    bytes += static_cast<char>(state >> 24);
  }
  return bytes;
}

const std::vector<Member>& three() {
  static const std::vector<Member> members = {
      {"b/one.png", noise(100'000)}, {"a/two.jpg", "22"}, {"b/empty", ""}};
  return members;
}

TEST(ArchiveName, IsKnownByItsEndingInAnyCase) {
  for (const char* name :
       {"a.zip", "a.tar", "A.TAR.GZ", "a.tgz", "x/a.Tar.Xz", "a.tar.zst", "a.tar.bz2", "a.b.ZIP"}) {
    EXPECT_TRUE(is_archive_name(name)) << name;
  }
  for (const char* name : {"zip", "a.gz", "a.zip.png", "a.tar/b.png", "a.tarx", "atgz", ""}) {
    EXPECT_FALSE(is_archive_name(name)) << name;
  }
}

TEST_F(Archive, OfEachKindGivesItsFilesInItsOrder) {
  for (const char* name :
       {"a.zip", "a.tar", "a.tar.gz", "a.tgz", "a.tar.bz2", "a.tar.xz", "a.tar.zst"}) {
    EXPECT_TRUE(is_archive_name(name));
    EXPECT_EQ(read_all(make(name, three())), three()) << name;
  }
}

TEST_F(Archive, GivesOnlyWhatIsWanted) {
  std::vector<std::string> asked;
  std::vector<std::string> taken;
  for_each_archive_entry(
      make("a.tar.gz", three()), 1'000'000,
      [&asked](const std::string& name) {
        asked.push_back(name);
        return name == "a/two.jpg";
      },
      [&taken](const ArchiveEntry& entry, bool) { taken.push_back(entry.name + entry.bytes); });
  EXPECT_EQ(asked, (std::vector<std::string>{"b/one.png", "a/two.jpg", "b/empty"}));
  EXPECT_EQ(taken, (std::vector<std::string>{"a/two.jpg22"}));
}

TEST_F(Archive, PassesOverFoldersAndLinks) {
  const std::vector<Member> members = {{"d", "", AE_IFDIR}, {"l", "", AE_IFLNK}, {"f", "x"}};
  for (const char* name : {"a.tar", "a.zip"}) {
    EXPECT_EQ(read_all(make(name, members)), (std::vector<Member>{{"f", "x"}})) << name;
  }
}

TEST_F(Archive, GivesNamesAsTheyAreAndWritesNothing) {
  const std::vector<Member> members = {
      {"../../escape", "x"}, {"/tmp/absolute", "y"}, {"a\nb", "z"}, {"f\xc3\xa4rbe.png", "w"}};
  const size_t before =
      static_cast<size_t>(std::distance(fs::directory_iterator(folder_), fs::directory_iterator()));
  EXPECT_EQ(read_all(make("a.tar", members)), members);
  EXPECT_EQ(
      static_cast<size_t>(std::distance(fs::directory_iterator(folder_), fs::directory_iterator())),
      before + 1);
}

TEST_F(Archive, MarksEntriesThatAreTooLargeAndGoesOn) {
  const std::vector<Member> members = {{"big", std::string(1001, 'x')},
                                       {"fits", std::string(1000, 'y')}};
  const std::vector<Member> expected = {{"big", "too large"}, members[1]};
  for (const char* name : {"a.tar.gz", "a.zip"}) {
    EXPECT_EQ(read_all(make(name, members), 1000), expected) << name;
  }
}

TEST_F(Archive, IsNoPlaceForABomb) {
  const fs::path path = make("a.tar.gz", {{"zeros", std::string(20'000'000, '\0')}, {"b", "x"}});
  EXPECT_LT(fs::file_size(path), 100'000u);
  EXPECT_EQ(read_all(path, 10), (std::vector<Member>{{"zeros", "too large"}, {"b", "x"}}));
}

TEST_F(Archive, ThatIsCutShortIsAnError) {
  const std::vector<Member> members = {{"one", noise(2000)}};
  const std::string whole = read_bytes(make("a.tar.gz", members));
  for (size_t size = 0; size < whole.size(); size += 67) {
    EXPECT_NE(error_of(write("cut.tar.gz", whole.substr(0, size))), "no error") << size;
  }
  const std::string zip = read_bytes(make("a.zip", members));
  for (size_t size = 0; size < 2000; size += 67) {
    EXPECT_NE(error_of(write("cut.zip", zip.substr(0, size))), "no error") << size;
  }
  const std::string tar = read_bytes(make("a.tar", members));
  for (size_t size = 1; size < 512 + 2000; size += 67) {
    EXPECT_NE(error_of(write("cut.tar", tar.substr(0, size))), "no error") << size;
  }
}

TEST_F(Archive, WhoseBytesDoNotHaveTheirSumIsAnErrorThatNamesTheEntry) {
  std::string zip = read_bytes(make("a.zip", {{"one", noise(2000)}}, "zip:compression=store"));
  zip[1000] = static_cast<char>(zip[1000] ^ 1);
  const std::string error = error_of(write("bad.zip", zip));
  EXPECT_NE(error.find("bad.zip: \"one\": not readable as an archive: "), std::string::npos)
      << error;
}

TEST_F(Archive, ThatIsEncryptedIsAnError) {
  const std::string error =
      error_of(make("a.zip", {{"one", "text"}}, "zip:encryption=traditional"));
  EXPECT_NE(error.find("assphrase"), std::string::npos) << error;
}

TEST_F(Archive, OfAnotherKindIsAnError) {
  EXPECT_NE(error_of(write("a.zip", "")), "no error");
  EXPECT_NE(error_of(write("a.tar", "not an archive")), "no error");
  EXPECT_NE(error_of(write("a.tgz", noise(5000))), "no error");
}

TEST_F(Archive, ThatCannotBeOpenedIsAnotherError) {
  EXPECT_THROW(read_all(folder_ / "missing.zip"), IoError);
  EXPECT_THROW(read_all(folder_), IoError);
}

// tests/hostile/formats/make_containers.py says what is wrong with each.
TEST_F(Archive, InAHostileFileDoesNoMoreThanFail) {
  int files = 0;
  for (const auto& file :
       fs::directory_iterator(fs::path(DDPM_SOURCE_DIR) / "tests/hostile/formats/archive")) {
    try {
      for (const Member& member : read_all(file.path(), 1000)) {
        EXPECT_LE(member.bytes.size(), 1000u) << file.path();
      }
    } catch (const FormatError&) {
    }
    ++files;
  }
  EXPECT_GE(files, 8);
}

std::string gzip(const std::string& text) {
  z_stream stream{};
  EXPECT_EQ(deflateInit2(&stream, 9, Z_DEFLATED, 15 + 16, 8, Z_DEFAULT_STRATEGY), Z_OK);
  std::string out(text.size() + 1000, '\0');
  std::string in = text;
  stream.next_in = reinterpret_cast<Bytef*>(in.data());
  stream.avail_in = static_cast<uInt>(in.size());
  stream.next_out = reinterpret_cast<Bytef*>(out.data());
  stream.avail_out = static_cast<uInt>(out.size());
  EXPECT_EQ(deflate(&stream, Z_FINISH), Z_STREAM_END);
  out.resize(out.size() - stream.avail_out);
  deflateEnd(&stream);
  return out;
}

std::string gunzip_error(const std::string& bytes, int64_t most_bytes = 1'000'000) {
  try {
    gunzip_if_needed(bytes, most_bytes, "x");
  } catch (const FormatError& error) {
    return error.what();
  }
  return "no error";
}

TEST(Gunzip, LeavesOtherBytesAlone) {
  EXPECT_EQ(gunzip_if_needed("", 0, "x"), "");
  EXPECT_EQ(gunzip_if_needed("\x1f", 0, "x"), "\x1f");
  EXPECT_EQ(gunzip_if_needed("plain", 0, "x"), "plain");
}

TEST(Gunzip, GivesWhatWasCompressed) {
  for (size_t size : {0u, 1u, 1000u, 65535u, 65536u, 65537u, 300'000u}) {
    EXPECT_EQ(gunzip_if_needed(gzip(noise(size)), 1'000'000, "x"), noise(size)) << size;
  }
}

TEST(Gunzip, JoinsTheMembers) {
  EXPECT_EQ(gunzip_if_needed(gzip("one, ") + gzip("") + gzip("two"), 100, "x"), "one, two");
}

TEST(Gunzip, RefusesWhatIsCutOrChanged) {
  const std::string whole = gzip(noise(300));
  for (size_t size = 2; size < whole.size(); ++size) {
    EXPECT_NE(gunzip_error(whole.substr(0, size)), "no error") << size;
  }
  std::string changed = whole;
  changed[150] = static_cast<char>(changed[150] ^ 4);
  EXPECT_NE(gunzip_error(changed), "no error");
  EXPECT_EQ(gunzip_error(whole + "mine"), "x: 4 trailing bytes after the gzip data");
  EXPECT_NE(gunzip_error(whole + whole.substr(0, 20)), "no error");
}

TEST(Gunzip, StopsAtTheLimit) {
  const std::string bomb = gzip(std::string(5'000'000, '\0'));
  EXPECT_EQ(gunzip_error(bomb, 4'999'999), "x: inflates to more than 4999999 bytes");
  EXPECT_EQ(gunzip_error(bomb, 5'000'000), "no error");
  EXPECT_EQ(gunzip_error(bomb, 0), "x: inflates to more than 0 bytes");
}

}  // namespace
}  // namespace ddpm
