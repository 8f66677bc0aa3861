// cmake/Tests.cmake lists tests by name: those that a sanitizer's build leaves out and those that
// are slow. A test that is renamed would fall out of its list without a word.

#include <gtest/gtest.h>

#include <algorithm>
#include <regex>
#include <string>
#include <vector>

#include "ddpm/base/check.h"
#include "tests/house/source_tree.h"

namespace ddpm {

namespace {

// "Suite.Name" of every test in `sources`.
std::vector<std::string> test_names(const std::vector<SourceFile>& sources) {
  static const std::regex test(R"(TEST(?:_F|_P)?\(\s*(\w+),\s*(\w+)\))");
  std::vector<std::string> names;
  for (const SourceFile& source : sources) {
    std::sregex_iterator found(source.text.begin(), source.text.end(), test);
    for (; found != std::sregex_iterator(); ++found) {
      names.push_back(concat(found->str(1), ".", found->str(2)));
    }
  }
  return names;
}

// The patterns of GoogleTest in the lists of `cmake`, which is a file in CMake's language.
std::vector<std::string> patterns_in(const std::string& cmake) {
  static const std::regex comment("#[^\n]*");
  static const std::regex list(
      R"((?:set|list)\((?:APPEND )?(?:ddpm_not_sanitized|ddpm_slow)\s([^)]*)\))");
  static const std::regex word(R"([^\s"]+)");
  const std::string code = std::regex_replace(cmake, comment, "");
  std::vector<std::string> patterns;
  for (std::sregex_iterator found(code.begin(), code.end(), list); found != std::sregex_iterator();
       ++found) {
    const std::string words = found->str(1);
    for (std::sregex_iterator at(words.begin(), words.end(), word); at != std::sregex_iterator();
         ++at) {
      patterns.push_back(at->str());
    }
  }
  return patterns;
}

// The patterns, with at most a "*" at their end, that select none of `names`.
std::vector<std::string> unused(const std::vector<std::string>& patterns,
                                const std::vector<std::string>& names) {
  std::vector<std::string> result;
  for (const std::string& pattern : patterns) {
    const size_t slash = pattern.find('/');  // the name of an instantiation, which is no test's
    std::string start = slash == std::string::npos ? pattern : pattern.substr(slash + 1);
    const bool open = start.ends_with('*');
    if (open) start.pop_back();
    if (std::none_of(names.begin(), names.end(), [&](const std::string& name) {
          return open ? name.starts_with(start) : name == start;
        })) {
      result.push_back(pattern);
    }
  }
  return result;
}

TEST(TestLists, EveryPatternSelectsATest) {
  std::vector<SourceFile> sources = read_sources(DDPM_SOURCE_DIR "/ddpm");
  for (SourceFile& file : read_sources(DDPM_SOURCE_DIR "/tests"))
    sources.push_back(std::move(file));
  const std::vector<std::string> patterns =
      patterns_in(read_text(DDPM_SOURCE_DIR "/cmake/Tests.cmake"));
  EXPECT_GT(patterns.size(), 50U);
  EXPECT_EQ(unused(patterns, test_names(sources)), std::vector<std::string>());
}

TEST(TestListsCheck, ReadsEveryListWithoutComments) {
  EXPECT_EQ(patterns_in("set(ddpm_slow\n  A.B* # C.D\n  E.F)\nset(ddpm_not_sanitized \"\")\n"
                        "list(APPEND ddpm_not_sanitized\n  # G.*\n  H.*)\nset(other I.*)\n"),
            (std::vector<std::string>{"A.B*", "E.F", "H.*"}));
}

TEST(TestListsCheck, ReportsAPatternWithoutATest) {
  const std::vector<std::string> names =
      test_names({{"a_test.cc", "TEST(Suite, Name) {}\nTEST_P(Rows, Agree) {}\n"}});
  EXPECT_EQ(unused({"Suite.*", "Suite.Na*", "Suite.Name", "All/Rows.*"}, names),
            std::vector<std::string>());
  const std::vector<std::string> gone = {"Suite.Names*", "Suite.Nam", "Rows.B*", "All/Row.*"};
  EXPECT_EQ(unused(gone, names), gone);
}

}  // namespace

}  // namespace ddpm
