#include <gtest/gtest.h>

#include <string>

#include "ddpm/base/check.h"
#include "ddpm/formats/archive.h"
#include "ddpm/testing/complaint.h"
#include "ddpm/testing/toy_archives.h"

namespace ddpm {
namespace {

std::string gunzip_error(const std::string& bytes, int64_t max_bytes = 1'000'000) {
  return complaint<FormatError>([&] { gunzip_if_needed(bytes, max_bytes, "x"); });
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
    EXPECT_NE(gunzip_error(whole.substr(0, size)), "") << size;
  }
  std::string changed = whole;
  changed[150] = static_cast<char>(changed[150] ^ 4);
  EXPECT_NE(gunzip_error(changed), "");
  EXPECT_EQ(gunzip_error(whole + "mine"), "x: 4 trailing bytes after the gzip data");
  EXPECT_NE(gunzip_error(whole + whole.substr(0, 20)), "");
}

TEST(Gunzip, StopsAtTheLimit) {
  const std::string bomb = gzip(std::string(5'000'000, '\0'));
  EXPECT_EQ(gunzip_error(bomb, 4'999'999), "x: inflates to more than 4999999 bytes");
  EXPECT_EQ(gunzip_error(bomb, 5'000'000), "");
  EXPECT_EQ(gunzip_error(bomb, 0), "x: inflates to more than 0 bytes");
}

TEST(GunzipStart, GivesTheFirstBytesWhateverIsBehindThem) {
  EXPECT_EQ(gunzip_start("plain text", 5), "plain");
  EXPECT_EQ(gunzip_start("", 5), "");
  const std::string packed = gzip(noise(100'000));
  EXPECT_EQ(gunzip_start(packed, 16), noise(16));
  EXPECT_EQ(gunzip_start(packed.substr(0, 50'000), 16), noise(16));
  EXPECT_EQ(gunzip_start(gzip("ab"), 16), "ab");
}

// So that the header of damaged data can still show what they are.
TEST(GunzipStart, GivesWhatIsIntact) {
  std::string packed = gzip(noise(300));
  packed[packed.size() - 5] = static_cast<char>(packed[packed.size() - 5] ^ 1);  // of the sum
  EXPECT_EQ(gunzip_start(packed, 16), noise(16));
  EXPECT_EQ(gunzip_start(gzip(noise(300)).substr(0, 100), 16), noise(16));
}

TEST(Gunzip, NamesWhatIsDamaged) {
  const std::string whole = gzip(noise(300));
  std::string changed = whole;
  changed[whole.size() - 8] = static_cast<char>(changed[whole.size() - 8] ^ 1);
  EXPECT_EQ(gunzip_error(changed),
            "x: damaged gzip: incorrect data check after 300 bytes decompressed");
  EXPECT_EQ(gunzip_error(whole.substr(0, whole.size() - 1)),
            "x: cut gzip: it ends after 300 bytes decompressed");
  EXPECT_EQ(gunzip_error(whole + std::string(512, '\0')), "");
}

TEST(Gunzip, HearsAStop) {
  struct Enough {};
  std::string empty_members;
  for (int i = 0; i < 1000; ++i) empty_members += gzip("");
  for (const std::string& bytes : {gzip(std::string(5'000'000, '\0')), empty_members}) {
    int calls = 0;
    const auto give_up = [&calls] {
      if (++calls == 10) throw Enough();
    };
    EXPECT_THROW(gunzip_if_needed(bytes, 10'000'000, "x", give_up), Enough);
  }
}

}  // namespace
}  // namespace ddpm
