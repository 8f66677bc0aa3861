// docs/equations.md says which function is which equation and which test shows it; so does each
// numbered section of docs/derivations/ and docs/mistakes.md. This holds them to the code. A
// citation has one spelling: a key in brackets, then "eq. 6, 7" or "algorithm 2".

#include <gtest/gtest.h>

#include <algorithm>
#include <cctype>
#include <regex>
#include <set>
#include <sstream>
#include <string>
#include <vector>

#include "ddpm/base/check.h"
#include "ddpm/base/text.h"
#include "tests/house/source_tree.h"

namespace ddpm {

namespace {

using Faults = std::vector<std::string>;

// Two capitals at least, after an i perhaps, and no comma: an array's shape is no key.
constexpr const char* kKey = "\\[(i?[A-Z]{2}[A-Za-z0-9+-]*)\\]";

// One text a file, with each comment's lines joined, so that a citation may be broken.
std::string joined_comments(const std::string& text) {
  std::string joined;
  for (size_t i = 0; i < text.size(); ++i) {
    const size_t next = text[i] == '\n' ? text.find_first_not_of(' ', i + 1) : std::string::npos;
    if (next == std::string::npos || text.compare(next, 2, "//") != 0) {
      joined += text[i];
    } else {
      i = next + 1;  // the comment's own space stays
    }
  }
  return joined;
}

// Each number of a citation as a citation of its own.
std::set<std::string> citations_of(const std::string& text) {
  static const std::regex kCitation(std::string(kKey) + " (eq\\.|algorithm) ([0-9]+(, [0-9]+)*)");
  std::set<std::string> citations;
  for (std::sregex_iterator match(text.begin(), text.end(), kCitation), end; match != end;
       ++match) {
    for (const std::string& number : split((*match)[3].str(), ',')) {
      const std::string bare = number.substr(number.find_first_not_of(' '));
      citations.insert(concat("[", (*match)[1], "] ", (*match)[2], " ", bare));
    }
  }
  return citations;
}

std::set<std::string> keys_of(const std::string& text) {
  static const std::regex kAnyKey(kKey);
  std::set<std::string> keys;
  for (std::sregex_iterator match(text.begin(), text.end(), kAnyKey), end; match != end; ++match) {
    keys.insert((*match)[1]);
  }
  return keys;
}

// What stands between pairs of backquotes.
std::vector<std::string> quoted(const std::string& cell) {
  static const std::regex kQuoted("`([^`]+)`");
  std::vector<std::string> words;
  for (std::sregex_iterator match(cell.begin(), cell.end(), kQuoted), end; match != end; ++match) {
    words.push_back((*match)[1]);
  }
  return words;
}

struct Row {
  std::string equation;
  std::vector<std::string> functions;
  std::vector<std::string> tests;  // "Suite.Name"
};

// The rows of the table | equation | meaning | code | test |.
std::vector<Row> rows_of(const std::string& document) {
  std::vector<Row> rows;
  std::istringstream lines(document);
  for (std::string line; std::getline(lines, line);) {
    const std::vector<std::string> cells = split(line, '|');
    if (cells.size() < 5 || citations_of(cells[1]).empty()) continue;
    rows.push_back({cells[1], quoted(cells[3]), quoted(cells[4])});
  }
  return rows;
}

// The sections of a document, by their headings: each with the paragraphs
//   In code: `function`, ..; test: `Suite.Name`, ..
// of it. A section whose heading begins with a number is a row whether it has one or not.
std::vector<Row> rows_of_sections(const std::string& document) {
  std::vector<Row> rows = {{}};
  std::string paragraph;
  std::istringstream lines(document + "\n\n");
  for (std::string line; std::getline(lines, line);) {
    if (!line.empty() && line.front() == '#') {
      rows.push_back({line.substr(line.find_first_not_of("# ")), {}, {}});
    } else if (line.rfind("In code:", 0) == 0 || (!paragraph.empty() && !line.empty())) {
      paragraph += line + " ";
    } else if (!paragraph.empty()) {
      const size_t middle = std::min(paragraph.find("test:"), paragraph.size());
      for (auto& word : quoted(paragraph.substr(0, middle))) rows.back().functions.push_back(word);
      for (auto& word : quoted(paragraph.substr(middle))) rows.back().tests.push_back(word);
      paragraph.clear();
    }
  }
  std::erase_if(rows, [](const Row& row) {
    const bool numbered = !row.equation.empty() && std::isdigit(row.equation[0]) != 0;
    return !numbered && row.functions.empty() && row.tests.empty();
  });
  return rows;
}

bool mentions(const std::string& text, const std::string& function) {
  for (size_t at = text.find(function + "("); at != std::string::npos;
       at = text.find(function + "(", at + 1)) {
    const char before = at == 0 ? ' ' : text[at - 1];
    if (std::isalnum(static_cast<unsigned char>(before)) == 0 && before != '_') return true;
  }
  return false;
}

// Whether a file that is no test calls, declares or defines the function.
bool has_function(const std::vector<SourceFile>& sources, const std::string& function) {
  return std::any_of(sources.begin(), sources.end(), [&](const SourceFile& file) {
    return !file.is_test() && mentions(file.text, function);
  });
}

bool has_test(const std::vector<SourceFile>& sources, const std::string& test) {
  const std::vector<std::string> name = split(test, '.');
  if (name.size() != 2) return false;
  return std::any_of(sources.begin(), sources.end(), [&](const SourceFile& file) {
    return file.is_test() &&
           file.text.find("TEST(" + name[0] + ", " + name[1] + ")") != std::string::npos;
  });
}

Faults faults_of_rows(const std::vector<Row>& rows, const std::vector<SourceFile>& sources) {
  Faults faults;
  for (const Row& row : rows) {
    if (row.functions.empty()) faults.push_back(concat(row.equation, ": no function"));
    if (row.tests.empty()) faults.push_back(concat(row.equation, ": no test"));
    for (const std::string& function : row.functions) {
      if (has_function(sources, function)) continue;
      faults.push_back(concat(row.equation, ": no function ", function, " in ddpm/"));
    }
    for (const std::string& test : row.tests) {
      if (!has_test(sources, test)) faults.push_back(concat(row.equation, ": no test ", test));
    }
  }
  return faults;
}

Faults faults_of(const std::string& equations, const std::string& references,
                 const std::vector<SourceFile>& sources) {
  Faults faults = faults_of_rows(rows_of(equations), sources);
  std::set<std::string> in_table;
  for (const Row& row : rows_of(equations)) in_table.merge(citations_of(row.equation));
  std::set<std::string> keys = keys_of(equations);
  for (const SourceFile& file : sources) {
    const std::string text = joined_comments(file.text);
    for (const std::string& citation : citations_of(text)) {
      if (in_table.count(citation) == 0) {
        faults.push_back(concat(file.path, ": ", citation, " has no row in docs/equations.md"));
      }
    }
    keys.merge(keys_of(text));
  }
  const std::set<std::string> known = keys_of(references);
  for (const std::string& key : keys) {
    if (known.count(key) == 0) faults.push_back(concat("[", key, "] is not in docs/references.md"));
  }
  return faults;
}

// The documents with such sections.
std::vector<std::filesystem::path> documents_with_sections() {
  const std::filesystem::path docs = std::filesystem::path(DDPM_SOURCE_DIR) / "docs";
  std::vector<std::filesystem::path> paths = {docs / "mistakes.md"};
  for (const auto& entry : std::filesystem::directory_iterator(docs / "derivations")) {
    paths.push_back(entry.path());
  }
  return paths;
}

// A made-up document and its code. The keys are put together here, or this file would cite them.
std::string key(const std::string& name) { return "[" + name + "]"; }

const std::string kReferences = key("ABC") + " A. B. C., 2020\n";
const std::string kTable = "| " + key("ABC") + " eq. 6, 7 | x | `Sum::of` | `Sum.IsRight` |\n";
const std::vector<SourceFile> kSources = {
    {"base/sum.cc", "double Sum::of(int n) {}  // " + key("ABC") + " eq. 7\n"},
    {"base/sum_test.cc", "TEST(Sum, IsRight) {}\n"}};

const std::string kSections =
    "# Sums\n## 1. Of two\n`text`\n\nIn code: `Sum::of`;\ntest: `Sum.IsRight`.\n\n## Why\ntext\n";

}  // namespace

TEST(Equations, TheTableIsTrue) {
  const std::filesystem::path root(DDPM_SOURCE_DIR);
  const std::string equations = read_text(root / "docs/equations.md");
  ASSERT_GT(rows_of(equations).size(), 5U);
  const Faults faults =
      faults_of(equations, read_text(root / "docs/references.md"), read_sources(root / "ddpm"));
  EXPECT_EQ(join(faults, "\n"), "");
}

TEST(Equations, EverySectionOfTheDerivationsNamesItsCodeAndItsTest) {
  const std::filesystem::path root(DDPM_SOURCE_DIR);
  const std::vector<SourceFile> sources = read_sources(root / "ddpm");
  const std::set<std::string> known = keys_of(read_text(root / "docs/references.md"));
  const std::vector<std::filesystem::path> documents = documents_with_sections();
  ASSERT_GT(documents.size(), 3U);
  for (const auto& path : documents) {
    SCOPED_TRACE(path.filename().string());
    const std::string text = read_text(path);
    EXPECT_GT(rows_of_sections(text).size(), 2U);
    EXPECT_EQ(join(faults_of_rows(rows_of_sections(text), sources), "\n"), "");
    for (const std::string& key : keys_of(text)) EXPECT_EQ(known.count(key), 1U) << key;
  }
}

TEST(EquationsCheck, AcceptsTrueSections) {
  EXPECT_EQ(rows_of_sections(kSections).size(), 1U);  // "Why" has no number and no code
  EXPECT_EQ(faults_of_rows(rows_of_sections(kSections), kSources), Faults{});
}

TEST(EquationsCheck, ASectionWithoutItsFunctionOrTestIsReported) {
  const std::string wrong = "## 2. x\nIn code: `Sum::all`; test: `Sum.IsWrong`.\n";
  EXPECT_EQ(faults_of_rows(rows_of_sections(wrong), kSources),
            (Faults{"2. x: no function Sum::all in ddpm/", "2. x: no test Sum.IsWrong"}));
  EXPECT_EQ(faults_of_rows(rows_of_sections(kSections + "### 1.1 Bare\ntext\n"), kSources),
            (Faults{"1.1 Bare: no function", "1.1 Bare: no test"}));
}

TEST(EquationsCheck, AcceptsATrueTable) {
  EXPECT_EQ(faults_of(kTable, kReferences, kSources), Faults{});
}

TEST(EquationsCheck, ARowWithoutItsFunctionIsReported) {
  std::vector<SourceFile> sources = kSources;
  sources[0].text = "double Sum::of_all(int n) {}\n";
  EXPECT_EQ(faults_of(kTable, kReferences, sources),
            Faults{" " + key("ABC") + " eq. 6, 7 : no function Sum::of in ddpm/"});
}

TEST(EquationsCheck, AFunctionThatOnlyATestHasDoesNotCount) {
  std::vector<SourceFile> sources = kSources;
  std::swap(sources[0].text, sources[1].text);
  EXPECT_EQ(faults_of(kTable, kReferences, sources).size(), 2U);
}

TEST(EquationsCheck, ARowWithoutItsTestIsReported) {
  std::vector<SourceFile> sources = kSources;
  sources[1].text = "TEST(Sum, IsWrong) {}\n";
  EXPECT_EQ(faults_of(kTable, kReferences, sources),
            Faults{" " + key("ABC") + " eq. 6, 7 : no test Sum.IsRight"});
}

TEST(EquationsCheck, ACitationWithoutARowIsReported) {
  std::vector<SourceFile> sources = kSources;
  sources[0].text += "// a long comment on " + key("ABC") + "\n  // algorithm 2, line 3\n";
  EXPECT_EQ(faults_of(kTable, kReferences, sources),
            Faults{"base/sum.cc: " + key("ABC") + " algorithm 2 has no row in docs/equations.md"});
}

TEST(EquationsCheck, AKeyWithoutAReferenceIsReported) {
  std::vector<SourceFile> sources = kSources;
  sources[0].text += "// " + key("iXYZ") + " section 3; float32 [N, C, H, W]\n";
  EXPECT_EQ(faults_of(kTable, kReferences, sources),
            Faults{key("iXYZ") + " is not in docs/references.md"});
}

}  // namespace ddpm
