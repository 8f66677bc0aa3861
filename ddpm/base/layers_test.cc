// The direction of the includes is that of layers.txt, and nothing above its blank line knows
// LibTorch.
//
// CMake links by the same file, but a linker does not notice a header that is included without a
// link.

#include <gtest/gtest.h>

#include <algorithm>
#include <map>
#include <optional>
#include <regex>
#include <sstream>
#include <string>
#include <vector>

#include "ddpm/base/check.h"
#include "ddpm/base/source_tree_internal.h"
#include "ddpm/base/text.h"

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

Faults faults_of_file(const Layers& layers, const SourceFile& file) {
  if (layers.count(file.folder()) == 0) return {concat("\"ddpm/", file.path, "\" is in no layer")};
  static const std::regex kInclude("^\\s*#\\s*include\\s*[<\"]([^>\"]+)[>\"]");
  Faults faults;
  std::istringstream lines(file.text);
  int number = 0;
  for (std::string line; std::getline(lines, line);) {
    ++number;
    std::smatch match;
    if (!std::regex_search(line, match, kInclude)) continue;
    const auto fault = fault_of_include(layers, file.folder(), match[1]);
    if (fault) faults.push_back(concat(file.path, ":", number, ": ", *fault));
  }
  return faults;
}

Faults faults_of_tree(const std::string& layers_text, const std::vector<SourceFile>& files) {
  Faults faults;
  const Layers layers = parse_layers(layers_text, faults);
  for (const SourceFile& file : files) {
    const Faults more = faults_of_file(layers, file);
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
    "models:   base engine tensor\n";

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

}  // namespace ddpm
