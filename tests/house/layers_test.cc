// Includes point down in layers.txt, and no layer above its first blank line uses LibTorch.
//
// CMake links by the same file, but a linker does not notice a header that is included without a
// link. Fixtures are the last line, `testing`: tests, benchmarks and fuzz targets of any layer may
// include them, and are then checked as if they included what the fixture includes.

#include <gtest/gtest.h>

#include <algorithm>
#include <map>
#include <optional>
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

struct Layer {
  std::string line;
  std::vector<std::string> below;  // the layers whose headers it may include

  bool may_include(const std::string& layer) const {
    return std::find(below.begin(), below.end(), layer) != below.end();
  }
};

using Layers = std::map<std::string, Layer>;
using Faults = std::vector<std::string>;

bool uses_torch(const std::string& name, const Layer& layer) {
  return name == "tensor" || layer.may_include("tensor");
}

// Reads layers.txt, line by line from the top, and notes what is wrong with the file itself.
Layers parse_layers(const std::string& text, Faults& faults) {
  Layers layers;
  std::istringstream lines(text);
  for (std::string line; std::getline(lines, line);) {
    const size_t colon = line.find(':');
    if (colon == std::string::npos) continue;
    const std::string name = line.substr(0, colon);
    Layer layer{.line = line, .below = {}};
    std::istringstream words(line.substr(colon + 1));
    for (std::string word; words >> word;) {
      const auto known = layers.find(word);
      if (known == layers.end()) {
        faults.push_back(concat(line, ": ", word, " is not above this line"));
        continue;
      }
      layer.below.push_back(word);
    }
    for (const std::string& below : layer.below) {
      if (!uses_torch(name, layer) && uses_torch(below, layers[below])) {
        faults.push_back(concat(name, " is free of LibTorch but may use ", below));
      }
    }
    layers[name] = layer;
  }
  return layers;
}

// What is wrong with the include of `header` in a file of this folder, if anything.
std::optional<std::string> fault_of_include(const Layers& layers, const std::string& folder,
                                            const std::string& header) {
  const Layer& layer = layers.at(folder);
  static const std::regex kTorch("^(torch|ATen|c10)/");
  if (std::regex_search(header, kTorch)) {
    if (uses_torch(folder, layer)) return std::nullopt;
    return folder + " is free of LibTorch";
  }
  if (!header.starts_with("ddpm/")) return std::nullopt;
  const std::vector<std::string> parts = split(header, '/');
  const std::string& other = parts[1];
  if (other == folder) return std::nullopt;
  if (!layer.may_include(other)) return folder + " may not include " + other;
  if (header.ends_with("_internal.h")) return header + " is for " + other + " alone";
  return std::nullopt;
}

struct Include {
  std::string header;
  int line;
};

std::vector<Include> includes_of(const std::string& text) {
  static const std::regex kInclude("^\\s*#\\s*include\\s*[<\"]([^>\"]+)[>\"]");
  std::vector<Include> includes;
  std::istringstream lines(text);
  int number = 0;
  for (std::string line; std::getline(lines, line);) {
    ++number;
    std::smatch match;
    if (std::regex_search(line, match, kInclude)) includes.push_back({match[1], number});
  }
  return includes;
}

constexpr const char* kFixtures = "ddpm/testing/";

using Files = std::map<std::string, SourceFile>;

// The faults of one include. A fixture counts as everything that it includes; `seen` holds the
// fixtures that were followed already.
Faults faults_of_include(const Layers& layers, const Files& files, const SourceFile& file,
                         const std::string& header, std::set<std::string>& seen) {
  const bool in_fixture = file.folder() == "testing";
  if (!header.starts_with(kFixtures)) {
    if (in_fixture && header.ends_with("_internal.h")) return {header + " is a private header"};
    const auto fault = in_fixture ? std::nullopt : fault_of_include(layers, file.folder(), header);
    return fault ? Faults{*fault} : Faults{};
  }
  if (file.is_production()) return {header + " is for tests alone"};
  const auto fixture = files.find(header.substr(std::string("ddpm/").size()));
  if (in_fixture || fixture == files.end() || !seen.insert(header).second) return {};
  Faults faults;
  for (const Include& include : includes_of(fixture->second.text)) {
    for (const std::string& fault : faults_of_include(layers, files, file, include.header, seen)) {
      faults.push_back(concat(header, ": ", fault));
    }
  }
  return faults;
}

Faults faults_of_file(const Layers& layers, const Files& files, const SourceFile& file) {
  if (layers.count(file.folder()) == 0) return {concat("\"ddpm/", file.path, "\" is in no layer")};
  Faults faults;
  std::set<std::string> seen;
  for (const Include& include : includes_of(file.text)) {
    for (const std::string& fault : faults_of_include(layers, files, file, include.header, seen)) {
      faults.push_back(concat(file.path, ":", include.line, ": ", fault));
    }
  }
  return faults;
}

Faults faults_of_tree(const std::string& layers_text, const std::vector<SourceFile>& sources) {
  Faults faults;
  const Layers layers = parse_layers(layers_text, faults);
  Files files;
  for (const SourceFile& file : sources) files[file.path] = file;
  for (const SourceFile& file : sources) {
    const Faults more = faults_of_file(layers, files, file);
    faults.insert(faults.end(), more.begin(), more.end());
  }
  return faults;
}

// A small project, made up: an engine that may not know tensors, and models that may.
constexpr const char* kLayers =
    "base:\n"
    "random:   base\n"
    "engine:   base\n"
    "sampling: base random\n"
    "\n"
    "tensor:   base\n"
    "models:   base engine tensor\n"
    "\n"
    "testing:\n";

Faults faults_of(const std::string& path, const std::string& text) {
  return faults_of_tree(kLayers, {{path, text}});
}

}  // namespace

TEST(Layers, EveryIncludePointsDown) {
  const std::filesystem::path root = std::filesystem::path(DDPM_SOURCE_DIR) / "ddpm";
  const std::vector<SourceFile> sources = read_sources(root);
  ASSERT_GT(sources.size(), 20U) << "found too few sources below " << root;
  const Faults faults = faults_of_tree(read_text(root / "layers.txt"), sources);
  EXPECT_EQ(join(faults, "\n"), "");
}

TEST(LayersCheck, AcceptsATreeInOrder) {
  const Faults faults = faults_of_tree(
      kLayers,
      {{"base/check.h", "#include <string>\n"},
       {"sampling/ddim.cc", "#include \"ddpm/sampling/ddim.h\"\n#include \"ddpm/base/check.h\"\n"},
       {"sampling/x.cc", "#include \"ddpm/sampling/x_internal.h\"\n"},
       {"models/unet.cc", "#include <torch/nn/module.h>\n#include \"ddpm/tensor/tensor.h\"\n"},
       {"tensor/convert.cc", "#include <ATen/ATen.h>\n"}});
  EXPECT_EQ(faults, Faults{});
}

TEST(LayersCheck, ALineMayNotNameALineBelowIt) {
  EXPECT_EQ(faults_of_tree("base:\nengine: base models\nmodels: base\n", {}),
            Faults{"engine: base models: models is not above this line"});
  EXPECT_EQ(faults_of_tree("base:\nengine: base engine\n", {}),
            Faults{"engine: base engine: engine is not above this line"});
}

TEST(LayersCheck, AFileMayNotIncludeAFolderThatItsLineDoesNotName) {
  EXPECT_EQ(faults_of("sampling/ddim.cc", "#include \"ddpm/engine/plan.h\"\n"),
            Faults{"sampling/ddim.cc:1: sampling may not include engine"});
  EXPECT_EQ(faults_of("random/stream.h", "\n  #  include \"ddpm/sampling/ddim.h\"\n"),
            Faults{"random/stream.h:2: random may not include sampling"});
}

TEST(LayersCheck, ALibTorchFreeFolderMayNotIncludeTensors) {
  EXPECT_EQ(faults_of("engine/compiled_unet.cc", "#include \"ddpm/tensor/tensor.h\"\n"),
            Faults{"engine/compiled_unet.cc:1: engine may not include tensor"});
}

TEST(LayersCheck, ALibTorchFreeFolderMayNotIncludeLibTorch) {
  for (const char* header : {"<torch/torch.h>", "<ATen/ATen.h>", "<c10/core/Device.h>"}) {
    EXPECT_EQ(faults_of("engine/compiled_unet.cc", concat("#include ", header, "\n")),
              Faults{"engine/compiled_unet.cc:1: engine is free of LibTorch"});
  }
}

TEST(LayersCheck, ThereIsNoBackDoorToLibTorch) {
  const std::string layers = concat(kLayers, "player: base models\n");
  EXPECT_EQ(faults_of_tree(layers, {}), Faults{"player is free of LibTorch but may use models"});
}

TEST(LayersCheck, AFileInAFolderWithoutALineIsReported) {
  EXPECT_EQ(faults_of("extra/x.h", ""), Faults{"\"ddpm/extra/x.h\" is in no layer"});
}

TEST(LayersCheck, AnInternalHeaderIsForItsOwnFolder) {
  EXPECT_EQ(faults_of("sampling/x.cc", "#include \"ddpm/random/philox_internal.h\"\n"),
            Faults{"sampling/x.cc:1: ddpm/random/philox_internal.h is for random alone"});
}

TEST(LayersCheck, AFixtureIsForTestsAlone) {
  const SourceFile fixture = {"testing/data.h", "#include \"ddpm/base/check.h\"\n"};
  const std::string text = "#include \"ddpm/testing/data.h\"\n";
  for (const char* path : {"random/x_test.cc", "random/x_bench.cc", "random/x_fuzz.cc"}) {
    EXPECT_EQ(faults_of_tree(kLayers, {fixture, {path, text}}), Faults{}) << path;
  }
  for (const char* path : {"random/x.cc", "random/x.h", "random/main.cc"}) {
    EXPECT_EQ(faults_of_tree(kLayers, {fixture, {path, text}}),
              Faults{concat(path, ":1: ddpm/testing/data.h is for tests alone")});
  }
}

TEST(LayersCheck, ATestMayIncludeNoMoreByWayOfAFixture) {
  const std::vector<SourceFile> files = {
      {"testing/deep.h", "#include \"ddpm/sampling/ddim.h\"\n#include <ATen/ATen.h>\n"},
      {"testing/data.h", "#include \"ddpm/testing/deep.h\"\n#include \"ddpm/testing/data.h\"\n"},
      {"random/x_test.cc", "\n#include \"ddpm/testing/data.h\"\n"},
      {"models/x_test.cc", "#include \"ddpm/base/check.h\"\n"}};
  const std::string way = "random/x_test.cc:2: ddpm/testing/data.h: ddpm/testing/deep.h: ";
  EXPECT_EQ(faults_of_tree(kLayers, files),
            (Faults{way + "random may not include sampling", way + "random is free of LibTorch"}));
}

TEST(LayersCheck, AFixtureIncludesNoPrivateHeader) {
  EXPECT_EQ(faults_of("testing/data.h", "#include \"ddpm/random/philox_internal.h\"\n"),
            Faults{"testing/data.h:1: ddpm/random/philox_internal.h is a private header"});
}

}  // namespace ddpm
