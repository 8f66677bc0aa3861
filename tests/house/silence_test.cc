// The library is silent: nothing but terminal and the commands prints or ends the process.

#include <gtest/gtest.h>

#include <regex>
#include <set>
#include <sstream>
#include <string>
#include <vector>

#include "ddpm/base/check.h"
#include "tests/house/source_tree.h"

namespace ddpm {

namespace {

// The code of a line without its comment and its texts.
std::string code_of(const std::string& line) {
  static const std::regex kText(R"("(\\.|[^"\\])*")");
  const std::string code = std::regex_replace(line, kText, "\"\"");
  return code.substr(0, code.find("//"));
}

// "file:line: what" for each place that prints, or ends the process.
std::vector<std::string> noise_of(const SourceFile& file) {
  static const std::set<std::string> kPrinting = {"terminal", "cli", "cli_torch"};
  static const std::regex kNoise(
      R"(#\s*include <(iostream|print)>|std::(cout|cerr|clog)\b|(^|[^\w.>])(std::|::)?(printf|puts|putchar|vprintf|perror|exit|_exit|quick_exit|abort)\(|\bfprintf\(\s*std(out|err)\b|\bSTD(OUT|ERR)_FILENO\b)");
  std::vector<std::string> noise;
  if (!file.is_production() || kPrinting.count(file.folder()) > 0) return noise;
  std::istringstream lines(file.text);
  int number = 0;
  for (std::string line; std::getline(lines, line);) {
    ++number;
    const std::string code = code_of(line);
    std::smatch match;
    if (std::regex_search(code, match, kNoise)) {
      noise.push_back(concat(file.path, ":", number, ": ", match.str()));
    }
  }
  return noise;
}

TEST(Silence, NothingButTerminalAndTheCommandsPrints) {
  for (const SourceFile& file : read_sources(DDPM_SOURCE_DIR "/ddpm")) {
    for (const std::string& noise : noise_of(file)) ADD_FAILURE() << noise;
  }
}

TEST(Silence, FindsEachWayToPrintAndNoneInTextsAndComments) {
  const auto count = [](const std::string& path, const std::string& text) {
    return noise_of({path, text}).size();
  };
  for (const char* line :
       {"#include <iostream>", "std::cout << 1;", "  std::cerr << 1;", "printf(\"x\");",
        "  std::printf(\"x\");", "fprintf(stderr, \"x\");", "std::fprintf(stdout, \"x\");",
        "exit(1);", "if (bad) std::exit(1);", "::_exit(2);", "puts(\"x\");",
        "::write(STDOUT_FILENO, text, 1);", "if (x) abort();"}) {
    EXPECT_EQ(count("jobs/sample.cc", line), 1U) << line;
    EXPECT_EQ(count("cli/sample.cc", line), 0U) << line;
    EXPECT_EQ(count("jobs/sample_test.cc", line), 0U) << line;
  }
  for (const char* line :
       {"std::snprintf(text, sizeof(text), \"%d\", 1);", "// std::cout is not ours",
        "const char* text = \"std::cout << exit(1)\";", "on_exit(1);", "pool.abort();",
        "std::fprintf(file, \"x\");"}) {
    EXPECT_EQ(count("jobs/sample.cc", line), 0U) << line;
  }
}

}  // namespace

}  // namespace ddpm
