#include "ddpm/terminal/next_command.h"

#include <gtest/gtest.h>

#include <array>
#include <cstdio>

namespace ddpm {
namespace {

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

TEST(NextCommand, LeavesOutWhatIsTheDefault) {
  NextCommand next("build/release/ddpm", "sample");
  next.flag("--out", "my images").flag_unless<int64_t>(64, "--count", 64);
  next.flag_unless<int64_t>(0, "--steps", 50).flag_unless(0.0, "--eta", 0.5);
  EXPECT_EQ(next.line(), "next: build/release/ddpm sample --out 'my images' --steps 50 --eta 0.5");
}

}  // namespace
}  // namespace ddpm
