// The sources of this project, for the tests that read them.

#pragma once

#include <algorithm>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <string>
#include <string_view>
#include <vector>

namespace ddpm {

struct SourceFile {
  std::string path;  // below ddpm/: "sampling/ddim.cc"
  std::string text;

  std::string folder() const { return path.substr(0, path.find('/')); }
  bool is_test() const { return path.ends_with("_test.cc"); }
  // Neither a fixture nor a test, a fuzz target or a benchmark.
  bool is_production() const {
    return folder() != "testing" && !is_test() && !path.ends_with("_fuzz.cc") &&
           !path.ends_with("_bench.cc");
  }
};

inline std::string read_text(const std::filesystem::path& path) {
  std::ifstream in(path, std::ios::binary);
  return {std::istreambuf_iterator<char>(in), std::istreambuf_iterator<char>()};
}

// Every .h and .cc below `folder`, by path.
inline std::vector<SourceFile> read_sources(const std::filesystem::path& folder) {
  std::vector<SourceFile> sources;
  for (const auto& entry : std::filesystem::recursive_directory_iterator(folder)) {
    const std::filesystem::path& path = entry.path();
    if (path.extension() != ".h" && path.extension() != ".cc") continue;
    sources.push_back({path.lexically_relative(folder).generic_string(), read_text(path)});
  }
  std::sort(sources.begin(), sources.end(),
            [](const SourceFile& a, const SourceFile& b) { return a.path < b.path; });
  return sources;
}

}  // namespace ddpm
