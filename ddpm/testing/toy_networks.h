// For tests: state dictionaries of small networks, walked as the other systems build theirs, with
// the names that each of their layers has with us.

#pragma once

#include <cmath>
#include <map>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "ddpm/base/check.h"
#include "ddpm/convert/state_dictionary.h"
#include "ddpm/formats/safetensors.h"

namespace ddpm {

struct ToyOptions {
  int64_t base = 32;
  std::vector<int64_t> multipliers = {1, 2};
  int64_t blocks = 1;
  std::set<int64_t> attended = {1};
  bool scale_shift = true;
  bool learned = true;
  bool in_block = false;  // resampling
  int64_t classes = 0;
  int64_t image_channels = 3;
};

struct ToyNetwork {
  Shapes shapes;                              // by their names
  std::map<std::string, std::string> theirs;  // our layer, their layer
};

// What both builders need: layers with their shapes.
class ToyBuilder {
 public:
  void layer(const std::string& ours, const std::string& theirs, std::vector<int64_t> weight) {
    network.theirs[ours] = theirs;
    network.shapes[theirs + ".bias"] = {weight[0]};
    network.shapes[theirs + ".weight"] = std::move(weight);
  }
  void conv(const std::string& ours, const std::string& theirs, int64_t in, int64_t out,
            int64_t kernel = 3) {
    layer(ours, theirs, {out, in, kernel, kernel});
  }
  void qkv(const std::string& ours, const std::string& theirs, std::vector<int64_t> weight) {
    for (const char* part : {".to_q", ".to_k", ".to_v"}) layer(ours + part, theirs, weight);
  }

  ToyNetwork network;
};

class ToyOpenai : private ToyBuilder {
 public:
  explicit ToyOpenai(ToyOptions options) : o_(std::move(options)) {}

  ToyNetwork build() {
    const int64_t e = 4 * o_.base;
    layer("time_embedding.linear_1", "time_embed.0", {e, o_.base});
    layer("time_embedding.linear_2", "time_embed.2", {e, e});
    if (o_.classes > 0) network.shapes["label_emb.weight"] = {o_.classes, e};
    conv("conv_in", "input_blocks.0.0", o_.image_channels, o_.base);
    c_ = o_.base;
    skips_ = {c_};
    const int64_t levels = std::ssize(o_.multipliers);
    for (int64_t i = 0; i < levels; ++i) down(i, i == levels - 1);
    residual("mid_block.resnets.0", "middle_block.0", c_);
    attention("mid_block.attentions.0", "middle_block.1");
    residual("mid_block.resnets.1", "middle_block.2", c_);
    for (int64_t i = levels - 1; i >= 0; --i) up(i, levels - 1 - i);
    layer("conv_norm_out", "out.0", {c_});
    conv("conv_out", "out.2", c_, (o_.learned ? 2 : 1) * o_.image_channels);
    return network;
  }

 private:
  void residual(const std::string& ours, const std::string& theirs, int64_t out) {
    layer(ours + ".norm1", theirs + ".in_layers.0", {c_});
    conv(ours + ".conv1", theirs + ".in_layers.2", c_, out);
    layer(ours + ".time_emb_proj", theirs + ".emb_layers.1",
          {(o_.scale_shift ? 2 : 1) * out, 4 * o_.base});
    layer(ours + ".norm2", theirs + ".out_layers.0", {out});
    conv(ours + ".conv2", theirs + ".out_layers.3", out, out);
    if (c_ != out) conv(ours + ".conv_shortcut", theirs + ".skip_connection", c_, out, 1);
    c_ = out;
  }
  void attention(const std::string& ours, const std::string& theirs) {
    layer(ours + ".group_norm", theirs + ".norm", {c_});
    qkv(ours, theirs + ".qkv", {3 * c_, c_, 1});
    layer(ours + ".to_out.0", theirs + ".proj_out", {c_, c_, 1});
  }
  void down(int64_t i, bool last) {
    const std::string ours = concat("down_blocks.", i);
    for (int64_t j = 0; j < o_.blocks; ++j) {
      const std::string theirs = concat("input_blocks.", ++entry_);
      residual(concat(ours, ".resnets.", j), theirs + ".0",
               o_.multipliers[static_cast<size_t>(i)] * o_.base);
      if (o_.attended.count(i) > 0) attention(concat(ours, ".attentions.", j), theirs + ".1");
      skips_.push_back(c_);
    }
    if (last) return;
    const std::string theirs = concat("input_blocks.", ++entry_, ".0");
    if (o_.in_block) {
      residual(ours + ".downsamplers.0", theirs, c_);
    } else {
      conv(ours + ".downsamplers.0.conv", theirs + ".op", c_, c_);
    }
    skips_.push_back(c_);
  }
  void up(int64_t i, int64_t block) {
    const std::string ours = concat("up_blocks.", block);
    for (int64_t j = 0; j <= o_.blocks; ++j) {
      const std::string theirs = concat("output_blocks.", output_++);
      const int64_t out = o_.multipliers[static_cast<size_t>(i)] * o_.base;
      c_ += skips_.back();
      skips_.pop_back();
      residual(concat(ours, ".resnets.", j), theirs + ".0", out);
      int64_t part = 1;
      if (o_.attended.count(i) > 0) {
        attention(concat(ours, ".attentions.", j), concat(theirs, ".", part++));
      }
      if (i == 0 || j < o_.blocks) continue;
      if (o_.in_block) {
        residual(ours + ".upsamplers.0", concat(theirs, ".", part), c_);
      } else {
        conv(ours + ".upsamplers.0.conv", concat(theirs, ".", part, ".conv"), c_, c_);
      }
    }
  }

  ToyOptions o_;
  int64_t c_ = 0;
  int64_t entry_ = 0;   // the last of input_blocks
  int64_t output_ = 0;  // the next of output_blocks
  std::vector<int64_t> skips_;
};

class ToyDdpmTorch : private ToyBuilder {
 public:
  explicit ToyDdpmTorch(ToyOptions options) : o_(std::move(options)) {}

  ToyNetwork build() {
    const int64_t e = 4 * o_.base;
    layer("time_embedding.linear_1", "embed.0", {e, o_.base});
    layer("time_embedding.linear_2", "embed.2", {e, e});
    conv("conv_in", "in_conv", o_.image_channels, o_.base);
    c_ = o_.base;
    std::vector<int64_t> skips = {c_};
    const int64_t levels = std::ssize(o_.multipliers);
    for (int64_t i = 0; i < levels; ++i) {
      const std::string ours = concat("down_blocks.", i);
      for (int64_t j = 0; j < o_.blocks; ++j) {
        block(ours, i, j, concat("downsamples.level_", i, ".", j));
        skips.push_back(c_);
      }
      if (i == levels - 1) continue;
      conv(ours + ".downsamplers.0.conv", concat("downsamples.level_", i, ".", o_.blocks, ".1"), c_,
           c_);
      skips.push_back(c_);
    }
    residual("mid_block.resnets.0", "middle.0", c_);
    attention("mid_block.attentions.0", "middle.1");
    residual("mid_block.resnets.1", "middle.2", c_);
    for (int64_t i = levels - 1; i >= 0; --i) {
      const std::string ours = concat("up_blocks.", levels - 1 - i);
      for (int64_t j = 0; j <= o_.blocks; ++j) {
        c_ += skips.back();
        skips.pop_back();
        block(ours, i, j, concat("upsamples.level_", i, ".", j));
      }
      if (i == 0) continue;
      conv(ours + ".upsamplers.0.conv", concat("upsamples.level_", i, ".", o_.blocks + 1, ".1"), c_,
           c_);
    }
    layer("conv_norm_out", "out_conv.0", {c_});
    conv("conv_out", "out_conv.2", c_, o_.image_channels);
    return network;
  }

 private:
  void residual(const std::string& ours, const std::string& theirs, int64_t out) {
    layer(ours + ".norm1", theirs + ".norm1", {c_});
    conv(ours + ".conv1", theirs + ".conv1", c_, out);
    layer(ours + ".time_emb_proj", theirs + ".fc", {out, 4 * o_.base});
    layer(ours + ".norm2", theirs + ".norm2", {out});
    conv(ours + ".conv2", theirs + ".conv2", out, out);
    if (c_ != out) conv(ours + ".conv_shortcut", theirs + ".skip", c_, out, 1);
    c_ = out;
  }
  void attention(const std::string& ours, const std::string& theirs) {
    layer(ours + ".group_norm", theirs + ".norm", {c_});
    qkv(ours, theirs + ".project_in", {3 * c_, c_, 1, 1});
    layer(ours + ".to_out.0", theirs + ".project_out", {c_, c_, 1, 1});
  }
  void block(const std::string& ours, int64_t level, int64_t j, const std::string& theirs) {
    const bool attended = o_.attended.count(level) > 0;
    residual(concat(ours, ".resnets.", j), theirs + (attended ? ".0" : ""),
             o_.multipliers[static_cast<size_t>(level)] * o_.base);
    if (attended) attention(concat(ours, ".attentions.", j), theirs + ".1");
  }

  ToyOptions o_;
  int64_t c_ = 0;
};

inline ToyNetwork toy_openai(const ToyOptions& options = {}) { return ToyOpenai(options).build(); }
inline ToyNetwork toy_ddpm_torch(const ToyOptions& options = {}) {
  return ToyDdpmTorch(options).build();
}

// Numbers that differ from place to place, by their names.
using ToyTensors = std::map<std::string, std::vector<float>>;
inline ToyTensors toy_tensors(const Shapes& shapes) {
  ToyTensors tensors;
  double k = 0.0;
  for (const auto& [name, shape] : shapes) {
    size_t count = 1;
    for (const int64_t extent : shape) count *= static_cast<size_t>(extent);
    std::vector<float>& values = tensors[name];
    for (size_t i = 0; i < count; ++i) values.push_back(static_cast<float>(std::sin(k += 1.0)));
  }
  return tensors;
}

// A safetensors file of them, each name behind `prefix`.
inline std::string toy_file(const Shapes& shapes, const ToyTensors& tensors,
                            const std::string& prefix = "") {
  std::vector<TensorToWrite> all;
  for (const auto& [name, values] : tensors) {
    all.push_back({.name = prefix + name,
                   .dtype = DType::kF32,
                   .shape = shapes.at(name),
                   .bytes = std::as_bytes(std::span<const float>(values))});
  }
  return encode_safetensors(std::move(all));
}

}  // namespace ddpm
