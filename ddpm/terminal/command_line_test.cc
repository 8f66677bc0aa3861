#include "ddpm/terminal/command_line.h"

#include <gtest/gtest.h>

#include <CLI/CLI.hpp>
#include <algorithm>

#include "ddpm/base/check.h"
#include "ddpm/terminal/flags.h"
#include "ddpm/testing/complaint.h"

namespace ddpm {
namespace {

using Words = std::vector<std::string>;

// What a command with a flag of each kind reads, as it is after a program has parsed it.
struct Parsed {
  std::string out = "none";
  int64_t seed = 0;
  std::vector<int64_t> times;
  bool loud = false;
  std::string flip = "unset";
  std::string run;
};

Parsed parse(const Words& words) {
  CLI::App app("a test", "sample");
  Parsed parsed;
  Flags flags(app, "sample");
  flags.text("--out", parsed.out, "DIR", "");
  flags.integer("--seed", parsed.seed, "", -100);
  flags.integers("--times", parsed.times, "");
  flags.toggle("--loud", parsed.loud, "");
  flags.custom_switch("--flip", "", "true", "", [&](const std::string& to) { parsed.flip = to; });
  flags.text("run", parsed.run, "RUN", "");
  Words arguments = one_word_per_flag(app, "sample", words);
  std::reverse(arguments.begin(), arguments.end());
  app.parse(arguments);
  return parsed;
}

std::string error_of(const Words& words) {
  return complaint<InvalidArgument>([&] { parse(words); });
}

TEST(CommandLine, AValueStandsInTheNextWordOrBehindAnEqualsSign) {
  for (const Words& words : {Words{"--out", "x", "--seed", "3"}, Words{"--out=x", "--seed=3"},
                             Words{"--seed", "3", "--out=x"}}) {
    const Parsed parsed = parse(words);
    EXPECT_EQ(parsed.out, "x");
    EXPECT_EQ(parsed.seed, 3);
  }
  EXPECT_EQ(parse({"--out=a=b"}).out, "a=b");
}

TEST(CommandLine, AnEmptyValueIsAnErrorThatNamesItsFlag) {
  EXPECT_EQ(error_of({"--out=", "--seed", "3"}),
            "sample: --out: expected a value, DIR, got an empty one");
  EXPECT_EQ(error_of({"--out", "", "--seed", "3"}),
            "sample: --out: expected a value, DIR, got an empty one");
  EXPECT_EQ(error_of({"--seed", "3", "--out"}), "sample: --out: expected a value, DIR, got none");
}

TEST(CommandLine, AFlagIsNoValueOfTheFlagBeforeIt) {
  EXPECT_EQ(error_of({"--out", "--seed", "3"}),
            "sample: --out: expected a value, DIR, got the flag --seed; --out=VALUE gives one that "
            "begins with --");
  EXPECT_EQ(parse({"--out=--seed"}).out, "--seed");
}

TEST(CommandLine, ValuesMayBeginWithAMinusSign) {
  EXPECT_EQ(parse({"--seed", "-5"}).seed, -5);
  EXPECT_EQ(parse({"--seed=-5"}).seed, -5);
  EXPECT_EQ(parse({"--out", "-x"}).out, "-x");
  EXPECT_EQ(parse({"--times", "-1", "-2"}).times, (std::vector<int64_t>{-1, -2}));
  EXPECT_EQ(parse({"--", "-run"}).run, "-run");
}

TEST(CommandLine, AListEndsAtTheNextFlag) {
  const Parsed parsed = parse({"--times", "1", "2,3", "4", "--loud"});
  EXPECT_EQ(parsed.times, (std::vector<int64_t>{1, 2, 3, 4}));
  EXPECT_TRUE(parsed.loud);
  const Parsed ended = parse({"--times", "1", "2", "--", "r"});
  EXPECT_EQ(ended.times, (std::vector<int64_t>{1, 2}));
  EXPECT_EQ(ended.run, "r");
}

TEST(CommandLine, AFlagGivenTwiceIsAnError) {
  EXPECT_EQ(error_of({"--out", "a", "--seed", "1", "--out=b"}),
            "sample: --out: expected once, got twice, with 'a' and 'b'");
  EXPECT_EQ(error_of({"--seed", "1", "--seed", "1"}), "sample: --seed: expected once, got twice");
  EXPECT_EQ(error_of({"--times", "1", "--times", "2"}),
            "sample: --times: expected once, got twice, with '1' and '2'");
  EXPECT_EQ(error_of({"--loud", "--loud"}), "sample: --loud: expected once, got twice");
}

TEST(CommandLine, OfASwitchAndItsOppositeTheLastOneCounts) {
  EXPECT_EQ(parse({"--flip"}).flip, "true");
  EXPECT_EQ(parse({"--no-flip", "--flip"}).flip, "true");
  EXPECT_EQ(parse({"--flip", "--loud", "--no-flip"}).flip, "false");
  EXPECT_EQ(error_of({"--flip=false"}),
            "sample: --flip: expected no value, got 'false'; its opposite is --no-flip");
  EXPECT_EQ(error_of({"--loud=no"}), "sample: --loud: expected no value, got 'no'");
}

TEST(CommandLine, WhatIsUnknownIsLeftToTheProgram) {
  CLI::App app("a test", "sample");
  const Words words = {"word", "--unknown", "x", "--odd=1", "-q", "--", "--odd=2", "--odd=2"};
  EXPECT_EQ(one_word_per_flag(app, "sample", words), words);
}

}  // namespace
}  // namespace ddpm
