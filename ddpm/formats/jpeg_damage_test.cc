// Which files libjpeg warns of are damaged: those that lack pixels. One file for each warning.

#include <gtest/gtest.h>

#include <algorithm>
#include <random>

#include "ddpm/base/check.h"
#include "ddpm/base/file.h"
#include "ddpm/formats/jpeg.h"
#include "ddpm/testing/complaint.h"
#include "ddpm/testing/made_jpeg.h"

namespace ddpm {
namespace {

constexpr char kScan = '\xda';
constexpr char kTables = '\xc4';
constexpr char kJfif = '\xe0';
constexpr char kAdobe = '\xee';
constexpr size_t kLength = 2;  // where a segment's length begins

Image decode(const std::string& bytes) { return decode_jpeg(as_bytes(bytes), "test.jpg"); }

void expect_same_pixels(const std::string& odd, const std::string& clean) {
  ASSERT_NE(odd, clean);
  EXPECT_EQ(decode(odd).samples, decode(clean).samples);
}

void expect_damaged(const std::string& file, const std::string& reason) {
  const std::string line = complaint<FormatError>([&] { decode(file); });
  EXPECT_EQ(line.rfind("test.jpg: damaged JPEG file: ", 0), 0U) << line;
  expect_contains(line, reason);
  EXPECT_EQ(line.find('\n'), std::string::npos);
}

// The segment of the first such marker, to be changed.
std::string& first(std::vector<std::string>& segments, char marker) {
  return segments.at(places_of(segments, marker).at(0));
}

TEST(JpegWarnings, AnUnknownVersionOfJfifIsRead) {
  const std::string clean = made_jpeg({});
  std::vector<std::string> segments = segments_of(clean);
  first(segments, kJfif)[kLength + 2 + 5] = 9;  // behind "JFIF\0"
  expect_same_pixels(joined(segments), clean);
}

TEST(JpegWarnings, AnUnknownTransformOfAdobeIsRead) {
  const std::string clean = made_jpeg({.adobe_marker_alone = true});
  std::vector<std::string> segments = segments_of(clean);
  std::string& adobe = first(segments, kAdobe);
  ASSERT_EQ(adobe.back(), 1);
  adobe.back() = 7;
  expect_same_pixels(joined(segments), clean);
}

// Phones write Se = 0, others Ah and Al: a sequential scan has no use for the three.
TEST(JpegWarnings, FieldsThatASequentialScanDoesNotUseMayHaveAnyValue) {
  const std::string clean = made_jpeg({});
  for (const size_t field : {0U, 1U, 2U}) {  // Ss, Se, Ah and Al
    std::vector<std::string> segments = segments_of(clean);
    first(segments, kScan)[kLength + 2 + 1 + 3 * 2 + field] = field == 1 ? 0 : 0x11;
    expect_same_pixels(joined(segments), clean);
  }
}

TEST(JpegWarnings, BytesBetweenSegmentsAreSkipped) {
  const std::string clean = made_jpeg({.restart_interval = 2});
  const size_t count = segments_of(clean).size();
  for (size_t before = 2; before < count; ++before) {
    std::vector<std::string> segments = segments_of(clean);
    segments[before].insert(0, std::string(200, '\x15'));
    expect_same_pixels(joined(segments), clean);
  }
}

TEST(JpegWarnings, BytesBeforeARestartMarkerAreDamage) {
  std::string file = made_jpeg({.restart_interval = 1});
  const size_t restart = file.find("\xff\xd0");
  ASSERT_NE(restart, std::string::npos);
  file.insert(restart, std::string(200, '\x15'));
  expect_damaged(file, "extraneous bytes before marker 0xd0");
}

TEST(JpegWarnings, ARestartMarkerOutOfTurnIsDamage) {
  std::string file = made_jpeg({.restart_interval = 1});
  file[file.find("\xff\xd0") + 1] = '\xd5';
  expect_damaged(file, "instead of RST0");
}

TEST(JpegWarnings, CoefficientsThatEndTooEarlyAreDamage) {
  std::vector<std::string> segments = segments_of(made_jpeg({.width = 64, .height = 64}));
  std::string& scan = first(segments, kScan);
  scan.resize(scan.size() - 8);
  expect_damaged(joined(segments), "premature end of data segment");
}

TEST(JpegWarnings, ACodeOfNoHuffmanTableIsDamage) {
  std::vector<std::string> segments = segments_of(made_jpeg({.width = 64, .height = 64}));
  std::string& scan = first(segments, kScan);
  const size_t middle = scan.size() / 2;
  scan.resize(middle);
  for (int i = 0; i < 50; ++i) scan += std::string("\xff\0", 2);  // ones alone, which no code is
  expect_damaged(joined(segments), "bad Huffman code");
}

// Nearly all bytes are codes of some coefficients; these, found by trying, give too many of a
// block.
TEST(JpegWarnings, AnArithmeticCodeThatCannotBeIsDamage) {
  std::vector<std::string> segments =
      segments_of(made_jpeg({.width = 64, .height = 64, .arithmetic = true}));
  std::string& scan = first(segments, kScan);
  scan.resize(kLength + 2 + 1 + 3 * 2 + 3);
  std::mt19937 random(64);
  for (int i = 0; i < 3000; ++i) {
    random();
    scan += static_cast<char>(random() % 4);
  }
  expect_damaged(joined(segments), "bad arithmetic code");
}

// Zeros may be missing at the end of an arithmetic scan, so that its decoder reports nothing.
TEST(JpegWarnings, AnArithmeticScanThatTheFilesEndCutsIsDamage) {
  const std::string file = made_jpeg({.width = 256, .height = 256, .arithmetic = true});
  decode(file);
  expect_damaged(file.substr(0, file.size() * 3 / 4), "truncated");
}

TEST(JpegWarnings, OnlyAMissingEndMarkerIsNoDamage) {
  const std::vector<JpegOptions> kinds = {
      {}, {.progressive = true}, {.scan_per_component = true}, {.restart_interval = 1}};
  for (const JpegOptions& kind : kinds) {
    const std::string clean = made_jpeg(kind);
    expect_same_pixels(clean.substr(0, clean.size() - 2), clean);
  }
}

TEST(JpegWarnings, AProgressiveFileWithoutItsLastScansIsDamaged) {
  const std::vector<std::string> segments = segments_of(made_jpeg({.progressive = true}));
  const std::vector<size_t> scans = places_of(segments, kScan);
  ASSERT_GE(scans.size(), 8U);
  for (size_t kept = 1; kept < scans.size(); ++kept) {
    std::vector<std::string> cut(segments.begin(),
                                 segments.begin() + static_cast<std::ptrdiff_t>(scans[kept]));
    expect_damaged(joined(cut), "truncated");
  }
}

TEST(JpegWarnings, AScanOutOfTurnIsDamageWhereAnotherIsMissing) {
  std::vector<std::string> segments = segments_of(made_jpeg({.progressive = true}));
  const std::vector<size_t> scans = places_of(segments, kScan);
  // by libjpeg's script the one that refines luma from two missing bits to one; another follows
  segments.erase(segments.begin() + static_cast<std::ptrdiff_t>(scans.at(5)));
  expect_damaged(joined(segments), "progression");
}

// Legal or not, nothing is lost by the order.
TEST(JpegWarnings, CoefficientsBeforeTheFirstOfTheirComponentAreKept) {
  const std::string clean = made_jpeg({.progressive = true});
  std::vector<std::string> segments = segments_of(clean);
  const std::vector<size_t> scans = places_of(segments, kScan);
  const std::vector<size_t> tables = places_of(segments, kTables);
  // the second scan, with the tables before it, in front of the first and its tables
  const auto place = [&](size_t i) { return segments.begin() + static_cast<std::ptrdiff_t>(i); };
  const size_t begin = std::min(tables.at(0), scans.at(0));
  std::rotate(place(begin), place(scans[0] + 1), place(scans[1] + 1));
  expect_same_pixels(joined(segments), clean);
}

TEST(JpegWarnings, AComponentWithoutItsScanIsDamage) {
  const std::string clean = made_jpeg({.scan_per_component = true});
  decode(clean);
  for (const size_t missing : {0U, 1U, 2U}) {
    std::vector<std::string> segments = segments_of(clean);
    const size_t place = places_of(segments, kScan).at(missing);
    segments.erase(segments.begin() + static_cast<std::ptrdiff_t>(place));
    expect_damaged(joined(segments), "a scan is missing");
  }
}

std::string segment(char marker, const std::string& data) {
  const size_t length = data.size() + 2;
  return std::string{'\xff', marker, static_cast<char>(length >> 8), static_cast<char>(length)} +
         data;
}

// A legal progressive file of one gray, `blocks` blocks a side. Each scan refines one coefficient
// by one bit in a few bytes, for each of which every block is visited.
std::string file_of_scans(int blocks, int scans) {
  const int side = 8 * blocks;
  const std::string extent = {static_cast<char>(side >> 8), static_cast<char>(side)};
  std::string file = "\xff\xd8" + segment('\xdb', '\0' + std::string(64, '\1'));
  file += segment('\xc2', "\x08" + extent + extent + std::string("\1\1\x11\0", 4));
  file += segment(kTables, '\0' + std::string("\1") + std::string(16, '\0'));  // 0: no difference
  // 0: 16384 blocks without coefficients and as many more as 14 bits say; 10: one such block
  file += segment(kTables, "\x10\1\1" + std::string(14, '\0') + std::string("\xe0\0", 2));
  const auto whole_runs = static_cast<size_t>(blocks * blocks / 16384);
  std::string runs(2 * whole_runs, '\0');  // 0 and fourteen bits of 0 with a bit left over each
  file += segment(kScan, std::string("\1\1\0\0\0\0", 6)) +
          std::string(static_cast<size_t>(blocks * blocks + 7) / 8, '\0');
  for (int k = 1; k < 64; ++k) {
    for (int bit = 13; bit >= 0 && scans > 0; --bit, --scans) {
      const char place = static_cast<char>(k);
      const char bits = static_cast<char>((bit == 13 ? 0 : bit + 1) << 4 | bit);
      file += segment(kScan, {'\1', '\1', '\0', place, place, bits}) + runs;
    }
  }
  return file + "\xff\xd9";
}

TEST(JpegWork, ManyScansOfManyBlocksAreRefused) {
  EXPECT_EQ(decode(file_of_scans(128, 14)).width, 1024);
  expect_damaged(file_of_scans(512, 882), "more scans than a progressive file of this size needs");
}

TEST(JpegWork, AFewBytesOfManyPixelsAreRefused) {
  std::string file = made_jpeg({.components = 1, .space = JCS_GRAYSCALE});
  const size_t frame = file.find("\xff\xc0");
  for (const size_t i : {5U, 7U}) file[frame + i] = '\x22';  // 8720 x 8736
  const std::string line = complaint<FormatError>([&] { decode(file); });
  expect_contains(line, "test.jpg: expected at least 332,996 bytes");
  expect_contains(line, "8720x8736");
  const std::string comment = segment('\xfe', std::string(60'000, 'x'));
  std::string padded = file;
  for (int i = 0; i < 10; ++i) padded.insert(2, comment);
  for (const std::string& one : {padded, file + std::string(600'000, 'x')}) {
    expect_contains(complaint<FormatError>([&] { decode(one); }),
                    "test.jpg: expected at least 332,996 bytes");
  }
}

}  // namespace
}  // namespace ddpm
