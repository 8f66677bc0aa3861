#include "ddpm/formats/archive.h"

#include <gtest/gtest.h>

#include <filesystem>
#include <string>
#include <vector>

#include "ddpm/base/check.h"
#include "ddpm/testing/toy_archives.h"

namespace ddpm {
namespace {

namespace fs = std::filesystem;

using Archive = ToyArchives;

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
  ArchiveHandlers handlers;
  handlers.wants = [&asked](const ArchiveEntry& entry) {
    asked.push_back(entry.name);
    return entry.name == "a/two.jpg";
  };
  handlers.take = [&taken](const ArchiveEntry& entry, const std::string& bytes) {
    taken.push_back(entry.name + bytes);
  };
  read_archive(make("a.tar.gz", three()), handlers);
  EXPECT_EQ(asked, (std::vector<std::string>{"b/one.png", "a/two.jpg", "b/empty"}));
  EXPECT_EQ(taken, (std::vector<std::string>{"a/two.jpg22"}));
}

TEST_F(Archive, PassesOverFoldersAndTellsOfLinks) {
  const std::vector<Member> members = {{"d", "", AE_IFDIR}, {"l", "../f", AE_IFLNK}, {"f", "x"}};
  const std::vector<Member> expected = {members[1], members[2]};
  for (const char* name : {"a.tar", "a.zip"}) EXPECT_EQ(read_all(make(name, members)), expected);
  const std::vector<Member> more = {
      {"f", "x"}, {"h", "f", kHardLink}, {"p", "", AE_IFIFO}, {"e", "z"}};
  for (const char* name : {"a.tar", "a.tgz"}) EXPECT_EQ(read_all(make(name, more)), more) << name;
}

TEST_F(Archive, GivesNamesAsTheyAreAndWritesNothing) {
  const std::vector<Member> members = {
      {"../../escape", "x"}, {"/tmp/absolute", "y"}, {"a\nb", "z"}, {"f\xc3\xa4rbe.png", "w"}};
  const int64_t before = folder_.entries();
  EXPECT_EQ(read_all(make("a.tar", members)), members);
  EXPECT_EQ(folder_.entries(), before + 1);
}

TEST_F(Archive, EntryThatIsTooLargeIsBadAndTheNextOneIsRead) {
  const std::vector<Member> members = {{"big", std::string(1001, 'x')},
                                       {"fits", std::string(1000, 'y')}};
  for (const char* name : {"a.tar.gz", "a.zip"}) {
    const auto read = read_all(make(name, members), at_most(1000));
    ASSERT_EQ(read.size(), 2u);
    EXPECT_EQ(read[0].type, kBad);
    EXPECT_NE(read[0].bytes.find("expected a file of at most 1000 B"), std::string::npos)
        << read[0].bytes;
    EXPECT_EQ(read[1], members[1]);
  }
}

// The reader has to know names as bytes: libarchive loses the second name of such a zip where the
// locale has another encoding, and both in others.
TEST_F(Archive, NamesInAnyEncodingAreKeptInAnyLocale) {
  const std::vector<Member> members = {
      {"caf\u00e9.png", "1"}, {"\u82b1.png", "2"}, {"caf\xe9.png", "3"}, {"a\xff\xfe.png", "4"}};
  for (const char* name : {"a.zip", "a.tar", "a.tar.gz"}) {
    EXPECT_EQ(read_all(make(name, members)), members) << name;
  }
  const std::vector<Member> utf8 = {members[0], members[1]};
  const std::string zip = read_bytes(make("flagged.zip", utf8));
  for (const bool flag : {false, true}) {
    EXPECT_EQ(read_all(folder_.write("u.zip", with_utf8_flag(zip, flag))), utf8) << flag;
  }
  // a flag that is wrong
  const std::string latin = read_bytes(make("latin.zip", members));
  EXPECT_EQ(read_all(folder_.write("l.zip", with_utf8_flag(latin, true))), members);
}

TEST_F(Archive, LongNamesOfEachTarFormatAreKept) {
  const std::string folders = std::string(70, 'f') + "/" + std::string(80, 'g') + "/";
  const std::vector<Member> members = {{folders + "a.png", "1"},
                                       {folders + std::string(200, 'n') + "\xe9.png", "2"},
                                       {folders + "link", folders + "a.png", AE_IFLNK}};
  for (const char* format : {"pax", "gnutar"}) {
    EXPECT_EQ(read_all(make("a.tar", members, "", format)), members) << format;
  }
  const std::vector<Member> short_enough = {members[0]};
  EXPECT_EQ(read_all(make("a.tar", short_enough, "", "ustar")), short_enough);
}

TEST_F(Archive, EntryWhoseNameNoSystemCanUnpackIsBad) {
  for (const char* name : {"a.zip", "a.tar"}) {
    const auto read =
        read_all(make(name, {{std::string(4096, 'n') + ".png", "1"}, {"b", "2"}}, "", "pax"));
    ASSERT_EQ(read.size(), 2u) << name;
    EXPECT_EQ(read[0].type, kBad);
    EXPECT_LT(read[0].name.size(), 100u);
    EXPECT_EQ(read[0].bytes, "expected a name of at most 4,095 bytes, got 4,100");
  }
}

// The rules of cost: what an archive may inflate to, how many entries it may have.
TEST_F(Archive, ThatInflatesBeyondItsBudgetIsRefusedWhetherOrNotItsEntriesAreWanted) {
  const std::vector<Member> members = {{"zeros.bin", std::string(3'000'000, '\0')}, {"b", "x"}};
  ArchiveLimits limits;
  limits.free_bytes = 1'000'000;
  limits.max_ratio = 2;
  ArchiveHandlers handlers;
  handlers.wants = [](const ArchiveEntry&) { return false; };
  for (const char* name : {"a.tar.gz", "a.tar.bz2", "a.tar.xz", "a.tar.zst"}) {
    const fs::path path = make(name, members);
    EXPECT_THROW(read_archive(path, handlers, limits), FormatError) << name;
    EXPECT_THROW(read_all(path, limits), FormatError) << name;
  }
  // an entry of a zip that nobody wants costs nothing
  const fs::path zip = make("a.zip", members);
  read_archive(zip, handlers, limits);
  EXPECT_THROW(read_all(zip, limits), FormatError);
  EXPECT_EQ(read_all(zip).size(), 2u);
}

TEST_F(Archive, WithMoreEntriesOrNamesThanItsBudgetIsRefused) {
  for (const char* name : {"a.zip", "a.tar"}) {
    const fs::path path = make(name, three());
    ArchiveLimits limits;
    limits.max_entries = 3;
    EXPECT_EQ(read_all(path, limits).size(), 3u);
    limits.max_entries = 2;
    EXPECT_THROW(read_all(path, limits), FormatError);
    limits = {};
    limits.free_names = 20;
    limits.max_names_ratio = 0;
    EXPECT_THROW(read_all(path, limits), FormatError);
  }
}

struct Enough {};

// Whatever the archive has, the caller is asked at least once a megabyte, and its exception comes
// through.
TEST_F(Archive, AStopIsHeardWhileBytesArePassedOver) {
  std::string empty_members;
  for (int i = 0; i < 20'000; ++i) empty_members += gzip("");
  const std::vector<fs::path> paths = {
      make("a.tar.gz", {{"skipped", std::string(30'000'000, '\0')}}),
      make("a.tar.bz2", {{"skipped", std::string(30'000'000, '\0')}}),
      make("a.tar", std::vector<Member>(100, {"many", ""})),
      make("a.zip", std::vector<Member>(100, {"many", ""})),
      folder_.write("b.tar.gz", empty_members)};
  for (const fs::path& path : paths) {
    for (const int allowed : {0, 1, 4}) {
      int calls = 0;
      ArchiveHandlers handlers;
      handlers.wants = [](const ArchiveEntry&) { return false; };
      handlers.give_up = [&calls, allowed] {
        if (++calls > allowed) throw Enough();
      };
      EXPECT_THROW(read_archive(path, handlers), Enough) << path << " " << allowed;
    }
  }
}

TEST_F(Archive, ThatIsCutShortIsAnError) {
  const std::vector<Member> members = {{"one", noise(2000)}};
  const std::string whole = read_bytes(make("a.tar.gz", members));
  for (size_t size = 0; size < whole.size(); size += 67) {
    EXPECT_NE(error_of(folder_.write("cut.tar.gz", whole.substr(0, size))), "") << size;
  }
  const std::string zip = read_bytes(make("a.zip", members));
  for (size_t size = 0; size < zip.size(); size += 67) {
    EXPECT_NE(error_of(folder_.write("cut.zip", zip.substr(0, size))), "") << size;
  }
  const std::string tar = read_bytes(make("a.tar", members));
  for (size_t size = 1; size <= 512 + 2048; size += 67) {
    EXPECT_NE(error_of(folder_.write("cut.tar", tar.substr(0, size))), "") << size;
  }
}

TEST_F(Archive, OfTarThatIsCutBetweenTwoEntriesIsAnError) {
  const std::string tar = read_bytes(make("a.tar", {{"one", noise(600)}, {"two", noise(600)}}));
  constexpr size_t kEntry = 512 + 1024;  // a header and the contents in whole blocks
  for (const size_t size : {kEntry, 2 * kEntry}) {
    const std::string error = error_of(folder_.write("cut.tar", tar.substr(0, size)));
    EXPECT_NE(error.find("the archive is cut: it ends after"), std::string::npos) << error;
    EXPECT_NE(error_of(folder_.write("cut.tar.gz", gzip(tar.substr(0, size)))), "");
  }
  // POSIX has two blocks of zeros at the end; one is enough to know that nothing is missing
  EXPECT_EQ(read_all(folder_.write("whole.tar", tar.substr(0, 2 * kEntry + 512))).size(), 2u);
}

// Contents that have no check sum of their own would otherwise be used as they are.
TEST_F(Archive, WithAByteChangedAnywhereInItsCompressionIsAnErrorOrTheSame) {
  const std::vector<Member> members = {{"one.bmp", noise(1500)}};
  for (const char* name : {"a.tar.gz", "a.tar.bz2", "a.tar.xz"}) {
    const std::string whole = read_bytes(make(name, members));
    for (size_t i = 0; i < whole.size(); i += i + 40 < whole.size() ? 7 : 1) {
      std::string changed = whole;
      changed[i] = static_cast<char>(changed[i] ^ 0x10);
      const fs::path path = folder_.write(concat("changed-", name), changed);
      if (!error_of(path).empty()) continue;
      EXPECT_EQ(read_all(path), members) << name << " " << i;
    }
  }
}

TEST_F(Archive, OfGzipWithAWrongCheckSumOrLengthIsDamaged) {
  const std::string tar = read_bytes(make("a.tar", three()));
  const std::string packed = gzip(tar.substr(0, 5000)) + gzip(tar.substr(5000));
  EXPECT_EQ(read_all(folder_.write("members.tar.gz", packed)), three());
  const size_t first_end = gzip(tar.substr(0, 5000)).size();
  for (const size_t end : {first_end, packed.size()}) {
    for (const auto& [before_end, reason] :
         {std::pair{8, "incorrect data check"}, std::pair{4, "incorrect length check"}}) {
      std::string changed = packed;
      changed[end - static_cast<size_t>(before_end)] ^= 1;
      const std::string error = error_of(folder_.write("changed.tar.gz", changed));
      EXPECT_NE(error.find(concat("changed.tar.gz: damaged gzip: ", reason)), std::string::npos)
          << error;
    }
  }
  // the archive itself is whole
  const std::string error =
      error_of(folder_.write("cut.tar.gz", packed.substr(0, packed.size() - 1)));
  EXPECT_NE(error.find("cut gzip: it ends after"), std::string::npos) << error;
}

// A tar of one file without contents, made by 'zstd --check'; its last four bytes are the sum.
TEST_F(Archive, OfZstdWithAWrongCheckSumIsAnError) {
  const fs::path hostile = fs::path(DDPM_SOURCE_DIR) / "tests/hostile/formats/archive";
  std::string packed = read_bytes(hostile / "whole_zstd_with_check_sum.tar.zst");
  EXPECT_EQ(read_all(folder_.write("a.tar.zst", packed)),
            (std::vector<Member>{{"a.png", "contents"}}));
  packed.back() = static_cast<char>(packed.back() ^ 1);
  EXPECT_NE(error_of(folder_.write("a.tar.zst", packed)), "");
}

int64_t trailing_of(const fs::path& path) {
  int64_t trailing = 0;
  ArchiveHandlers handlers;
  handlers.wants = [](const ArchiveEntry&) { return false; };
  handlers.trailing = [&trailing](int64_t bytes) { trailing += bytes; };
  read_archive(path, handlers);
  return trailing;
}

TEST_F(Archive, CountsWhatFollowsItsEnd) {
  const std::string tar = read_bytes(make("a.tar", three()));
  const std::string zeros(5000, '\0');
  const auto size = std::ssize(tar);
  EXPECT_EQ(trailing_of(folder_.write("b.tar", tar)), 0);
  EXPECT_EQ(trailing_of(folder_.write("b.tar", tar + zeros)), 0);
  EXPECT_EQ(trailing_of(folder_.write("b.tar", tar + zeros + "mine" + zeros)), 5004);
  EXPECT_EQ(trailing_of(folder_.write("b.tar", tar + tar)), size);
  EXPECT_EQ(trailing_of(folder_.write("b.tar.gz", gzip(tar) + gzip(tar))), size);
  EXPECT_EQ(trailing_of(folder_.write("b.tar.gz", gzip(tar) + zeros)), 0);
  EXPECT_EQ(trailing_of(folder_.write("b.tar.gz", gzip(tar) + "mine")), 4);
  const std::string bzip2 = read_bytes(make("a.tar.bz2", three()));
  EXPECT_EQ(trailing_of(folder_.write("b.tar.bz2", bzip2)), 0);
  EXPECT_EQ(trailing_of(folder_.write("b.tar.bz2", bzip2 + "mine")), 4);
  for (const char* name : {"a.tar.xz", "a.tar.zst"}) {
    EXPECT_EQ(trailing_of(make(name, three())), 0) << name;
  }
}

// Bytes behind the end are decompressed too, so they count.
TEST_F(Archive, BytesBehindItsEndCountTowardsItsBudget) {
  const std::string tar = read_bytes(make("a.tar", three()));
  ArchiveLimits limits;
  limits.free_bytes = 1'000'000;
  limits.max_ratio = 2;
  const fs::path path = folder_.write("b.tar.gz", gzip(tar) + gzip(std::string(3'000'000, '\0')));
  EXPECT_THROW(read_all(path, limits), FormatError);
  EXPECT_EQ(read_all(path), three());
}

TEST_F(Archive, OfAnotherKindIsAnError) {
  EXPECT_NE(error_of(folder_.write("a.zip", "")), "");
  EXPECT_NE(error_of(folder_.write("a.tar", "not an archive")), "");
  EXPECT_NE(error_of(folder_.write("a.tgz", noise(5000))), "");
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
      for (const Member& member : read_all(file.path(), at_most(1000))) {
        EXPECT_LE(member.bytes.size(), 1000u) << file.path();
      }
    } catch (const FormatError&) {
    }
    ++files;
  }
  EXPECT_GE(files, 8);
}

}  // namespace
}  // namespace ddpm
