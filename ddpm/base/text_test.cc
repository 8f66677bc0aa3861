#include "ddpm/base/text.h"

#include <gtest/gtest.h>

#include <limits>

namespace ddpm {

// RFC 4180: split by rule, a line gives its fields back.
TEST(CsvLine, QuotesWhatWouldNotBeReadBack) {
  EXPECT_EQ(csv_line(std::vector<std::string>{"plain", "", "1.5"}), "plain,,1.5\n");
  EXPECT_EQ(csv_line(std::vector<std::string>{"a,b", "say \"x\"", "two\nlines", "cr\r"}),
            "\"a,b\",\"say \"\"x\"\"\",\"two\nlines\",\"cr\r\"\n");
  EXPECT_EQ(csv_line(std::vector<std::string>{" a", "b ", "c d"}), "\" a\",\"b \",c d\n");
  EXPECT_EQ(csv_line({}), "\n");
}

TEST(WithDecimals, HoldsAnyNumber) {
  EXPECT_EQ(with_decimals(2.5, 2), "2.50");
  EXPECT_EQ(with_decimals(-0.125, 2), "-0.12");  // to the even one
  EXPECT_EQ(with_decimals(1e300, 1).size(), 303U);
  EXPECT_EQ(with_decimals(std::numeric_limits<double>::infinity(), 1), "inf");
}
namespace {

const std::vector<std::string> kWords = {"batch-size", "learning-rate", "steps"};

TEST(NearestWord, FindsATypingMistake) {
  EXPECT_EQ(nearest_word("bach-size", kWords), "batch-size");
  EXPECT_EQ(nearest_word("step", kWords), "steps");
  EXPECT_EQ(did_you_mean("learningrate", kWords), "; did you mean 'learning-rate'?");
}

TEST(NearestWord, StaysSilentWhenNothingIsNear) {
  EXPECT_EQ(nearest_word("colour", kWords), std::nullopt);
  EXPECT_EQ(did_you_mean("colour", kWords), "");
}

TEST(Escaped, ShowsEveryControlCharacterAndEveryByteThatIsNoUtf8) {
  EXPECT_EQ(escaped("a b/c\\d.png"), "a b/c\\d.png");
  EXPECT_EQ(escaped("gr\u00fcn \u82b1 \U0001f600"), "gr\u00fcn \u82b1 \U0001f600");
  EXPECT_EQ(escaped("a\nb\r\tc"), "a\\nb\\r\\tc");
  EXPECT_EQ(escaped("\x1b[2J\x7f"), "\\x1b[2J\\x7f");
  EXPECT_EQ(escaped(std::string_view("\0", 1)), "\\x00");
  EXPECT_EQ(escaped("caf\xe9.png"), "caf\\xe9.png");  // Latin-1
  EXPECT_EQ(escaped("\xc2\x9b"
                    "31m"),
            "\\xc2\\x9b"
            "31m");                                                 // CSI as one character
  EXPECT_EQ(escaped("a\u202egnp.exe"), "a\\xe2\\x80\\xaegnp.exe");  // right to left
  EXPECT_EQ(escaped("\xe8\x8a"), "\\xe8\\x8a");                     // cut
  EXPECT_EQ(escaped("\xc0\xaf"), "\\xc0\\xaf");                     // overlong
  EXPECT_EQ(escaped("\xed\xa0\x80"), "\\xed\\xa0\\x80");            // a surrogate
}

TEST(Split, KeepsEmptyPartsAndIsTheInverseOfJoin) {
  EXPECT_EQ(split("", ','), std::vector<std::string>{});
  EXPECT_EQ(split("a,,b,", ','), (std::vector<std::string>{"a", "", "b", ""}));
  const std::vector<std::string> parts = {"1", "2", "2"};
  EXPECT_EQ(split(join(parts, ","), ','), parts);
}

TEST(WithDecimals, RoundsToThem) {
  EXPECT_EQ(with_decimals(2.5, 2), "2.50");
  EXPECT_EQ(with_decimals(-0.126, 2), "-0.13");
  EXPECT_EQ(with_decimals(1234.5678, 0), "1235");
}

TEST(Counted, HasAnSForAllCountsButOne) {
  EXPECT_EQ(counted(0, "image"), "0 images");
  EXPECT_EQ(counted(1, "image"), "1 image");
  EXPECT_EQ(counted(2000, "image"), "2,000 images");
}

TEST(Numbers, AreWrittenAsPeopleReadThem) {
  EXPECT_EQ(with_thousands(0), "0");
  EXPECT_EQ(with_thousands(999), "999");
  EXPECT_EQ(with_thousands(35746307), "35,746,307");
  EXPECT_EQ(with_thousands(-1000), "-1,000");
  EXPECT_EQ(readable_bytes(1023), "1023 B");
  EXPECT_EQ(readable_bytes(1536), "1.5 KiB");
  EXPECT_EQ(readable_duration(0.0025), "2.5 ms");
  EXPECT_EQ(readable_duration(0.25), "250 ms");
  EXPECT_EQ(readable_duration(0.9996), "1.0 s");
  EXPECT_EQ(readable_duration(62), "1 min 2 s");
  EXPECT_EQ(readable_duration(3725), "1 h 2 min");
  EXPECT_EQ(readable_duration(90000), "1 d 1 h");
  EXPECT_EQ(readable_duration(std::numeric_limits<double>::infinity()), "unknown");
}

TEST(ReadableEpochs, KeepsTheDigitsThatMatter) {
  EXPECT_EQ(readable_epochs(0.00133), "0.0013 epochs");
  EXPECT_EQ(readable_epochs(2.94), "2.9 epochs");
  EXPECT_EQ(readable_epochs(2048.2), "2,048 epochs");
}

TEST(Shortest, ReadsBackAsTheSameDouble) {
  for (const double value : {0.1, 1e-4, 0.02, 1.0 / 3.0, 1e300, -2.5e-310}) {
    EXPECT_EQ(parse_double(shortest(value)), value);
  }
}

// What a shell makes of a line that begins with printf's format.
std::string shell(const std::string& line) {
  FILE* pipe = ::popen(line.c_str(), "r");
  std::string output;
  std::array<char, 256> part{};
  while (std::fgets(part.data(), part.size(), pipe) != nullptr) output += part.data();
  ::pclose(pipe);
  return output;
}

TEST(ShellWord, IsReadBackByAShellAsItWas) {
  for (const char* word : {"runs/clothes", "my runs", "it's", "$HOME", "a\"b", "a\\b", "*", "", "~",
                           "a;b", "ümlaut", "--flag=1", "a\tb", "!x"}) {
    EXPECT_EQ(shell("printf %s " + shell_word(word)), word);
  }
}

TEST(ShellWord, LeavesPlainWordsAsTheyAre) {
  EXPECT_EQ(shell_word("/data/runs/a-b_c.1"), "/data/runs/a-b_c.1");
}

TEST(Join, PutsTheSeparatorBetweenWordsOrNumbers) {
  EXPECT_EQ(join(std::vector<std::string>{"a", "b"}, ", "), "a, b");
  EXPECT_EQ(join(std::vector<int64_t>{1, -2, 30}, "x"), "1x-2x30");
  EXPECT_EQ(join(std::vector<int64_t>{}, ", "), "");
  EXPECT_EQ(shape_text(std::vector<int64_t>{2, 3}), "[2, 3]");
}

TEST(Parse, TakesTheWholeTextOrNothing) {
  EXPECT_EQ(parse_int("42"), 42);
  EXPECT_EQ(parse_int("-7"), -7);
  EXPECT_EQ(parse_int("42x"), std::nullopt);
  EXPECT_EQ(parse_int(""), std::nullopt);
  EXPECT_EQ(parse_int("99999999999999999999"), std::nullopt);
  EXPECT_EQ(parse_int("1.5"), std::nullopt);
  EXPECT_EQ(parse_double("2e-4"), 2e-4);
  EXPECT_EQ(parse_double("2e-4 "), std::nullopt);
}

TEST(Alternatives, AreJoinedByCommasAndAnOr) {
  using Words = std::vector<std::string>;
  EXPECT_EQ(alternatives(Words{}), "");
  EXPECT_EQ(alternatives(Words{"a"}), "a");
  EXPECT_EQ(alternatives(Words{"a", "b"}), "a or b");
  EXPECT_EQ(alternatives(Words{"a", "b", "c"}), "a, b or c");
}

TEST(LowerCase, ChangesAsciiLettersOnly) { EXPECT_EQ(lower_case("IMG_1.JPeG"), "img_1.jpeg"); }

}  // namespace
}  // namespace ddpm
