// Where each tensor of our network stands in another system's state dictionary.

#pragma once

#include <cstdint>
#include <map>
#include <span>
#include <string>
#include <vector>

#include "ddpm/convert/state_dictionary.h"
#include "ddpm/unet/config.h"

namespace ddpm {

// What of a layer of theirs a layer of ours is: all, or a part of one that makes queries, keys and
// values at once.
enum class Piece { kQueries, kKeys, kValues, kWhole };

// In which order such a layer has its 3 C rows.
enum class QkvOrder {
  kHeadsFirst,  // (heads, 3, C / heads): of each head its queries, then its keys, then its values
  kPartsFirst,  // (3, heads, C / heads): all queries, then all keys, then all values
};

struct LayerSource {
  std::string theirs;  // "input_blocks.1.0.in_layers.2", without ".weight"
  Piece piece = Piece::kWhole;
  bool pointwise = false;  // a convolution of one pixel there, a linear layer here
};

// A network as names and shapes tell it. Its image size, heads, dropout and times are not among
// them.
struct SourceLayout {
  UNetConfig unet;
  std::map<std::string, LayerSource> layers;  // by our layer's name
};

// The names of the layers within a block; nullptr where there is none of this kind.
struct LayerWords {
  const char* ours;
  const char* theirs;
};
struct BlockWords {
  std::span<const LayerWords> residual;
  const char* norm;  // of attention
  const char* qkv;
  const char* out;
};

// Adds layers to a layout, one block of the network after the other.
class LayoutBuilder {
 public:
  LayoutBuilder(SourceLayout& layout, const BlockWords& words) : layout_(layout), words_(words) {}

  void layer(const std::string& ours, const std::string& theirs);
  void residual(const std::string& ours, const std::string& theirs);  // the shortcut among them
  void attention(const std::string& ours, const std::string& theirs);

 private:
  SourceLayout& layout_;
  const BlockWords& words_;
};

// The networks of openai/improved-diffusion and openai/guided-diffusion. Throws FormatError for a
// model that no UNet2DModel is, saying why: one for super-resolution, a classifier, one whose
// embedding of time is wider than its top level, one that resamples without weights; and
// InvalidArgument for a network of guided-diffusion alone with another --from.
SourceLayout openai_layout(const StateDictionary& dictionary, SourceSystem system);

// Those of tqch/ddpm-torch. Throws FormatError for one between shuffled pixels (block_size above 1)
// and one that learns a variance.
SourceLayout ddpm_torch_layout(const StateDictionary& dictionary);

// Always throws FormatError: names the first difference between lucidrains' network and a
// UNet2DModel.
[[noreturn]] void refuse_lucidrains(const StateDictionary& dictionary);

// By the system. Throws as the functions above.
SourceLayout source_layout(const StateDictionary& dictionary, SourceSystem system);

}  // namespace ddpm
