#include "ddpm/diffusers/mismatch.h"

#include <algorithm>
#include <optional>
#include <set>
#include <utility>

#include "ddpm/base/check.h"
#include "ddpm/base/json.h"
#include "ddpm/base/text.h"
#include "ddpm/unet/parameters.h"

namespace ddpm {

namespace {

constexpr size_t kMostTold = 10;

struct Difference {
  std::vector<std::string> missing;
  std::vector<std::string> left_over;
  struct Shape {
    std::string name;
    std::vector<int64_t> wanted;
    std::vector<int64_t> got;
  };
  std::vector<Shape> other_shape;

  size_t count() const { return missing.size() + left_over.size() + other_shape.size(); }
};

Difference difference_of(const std::vector<NamedShape>& wanted, const ShapesByName& got) {
  Difference difference;
  std::set<std::string> known;
  for (const NamedShape& parameter : wanted) {
    known.insert(parameter.name);
    const auto found = got.find(parameter.name);
    if (found == got.end()) {
      difference.missing.push_back(parameter.name);
    } else if (found->second != parameter.shape) {
      difference.other_shape.push_back({parameter.name, parameter.shape, found->second});
    }
  }
  for (const auto& [name, shape] : got) {
    if (known.count(name) == 0) difference.left_over.push_back(name);
  }
  return difference;
}

bool any_has(const std::vector<std::string>& names, const std::vector<std::string>& parts) {
  return std::any_of(names.begin(), names.end(), [&](const std::string& name) {
    return std::any_of(parts.begin(), parts.end(), [&](const std::string& part) {
      return name.find(part) != std::string::npos;
    });
  });
}

// One more than the largest number behind `prefix` in the names, 0 if there is none.
int64_t numbered(const std::vector<std::string>& names, const std::string& prefix) {
  int64_t count = 0;
  for (const std::string& name : names) {
    if (name.rfind(prefix, 0) != 0) continue;
    const std::string digits = split(name.substr(prefix.size()), '.')[0];
    count = std::max(count, parse_int(digits).value_or(-1) + 1);
  }
  return count;
}

using Names = std::vector<std::string>;

// What all names begin with that the network's do not: "module.".
std::string common_prefix(const Names& wanted, const Names& got) {
  for (const std::string& name : got) {
    const size_t place = name.rfind(".conv_in.weight");
    if (place == std::string::npos) continue;
    const std::string prefix = name.substr(0, place + 1);
    const bool all = std::all_of(got.begin(), got.end(),
                                 [&](const std::string& one) { return one.rfind(prefix, 0) == 0; });
    return all && wanted[0].rfind(prefix, 0) != 0 ? prefix : "";
  }
  return "";
}

// Names that other programs give.
std::string foreign_names(const Difference& difference) {
  if (any_has(difference.left_over, {"input_blocks.", "output_blocks."})) {
    return "these are the names of improved-diffusion's networks";
  }
  if (any_has(difference.left_over, {"downs.0", "init_conv."})) {
    return "these are the names of lucidrains' networks";
  }
  if (any_has(difference.left_over, {"downsamples.level_", "upsamples.level_"})) {
    return "these are the names of ddpm-torch's networks";
  }
  if (any_has(difference.left_over, {"temb.dense.", "down.0.block"})) {
    return "these are the names of the paper's own networks";
  }
  const bool other_attention = any_has(difference.left_over, {"attentions."}) &&
                               any_has(difference.missing, {".to_"}) &&
                               !any_has(difference.missing, {".group_norm."});  // a whole one less
  if (other_attention) {
    return "the attention's names are of another layout";
  }
  return "";
}

// config.json counts something else than the file has.
std::string other_count(const Names& wanted, const Names& got) {
  const std::pair<const char*, const char*> counts[] = {
      {"down_blocks.", "levels"}, {"down_blocks.0.resnets.", "blocks a level"}};
  for (const auto& [prefix, what] : counts) {
    const int64_t asked = numbered(wanted, prefix);
    const int64_t there = numbered(got, prefix);
    if (there > 0 && asked != there) {
      return concat("config.json says ", asked, " ", what, ", the file has ", there);
    }
  }
  const auto attentions = [](const Names& names) {
    return any_has(names, {"_blocks.0.attentions.", "_blocks.1.attentions.",
                           "_blocks.2.attentions.", "_blocks.3.attentions."});
  };
  if (attentions(wanted) != attentions(got)) {
    return concat("attention at some levels is ",
                  attentions(got) ? "only in the file" : "only in config.json");
  }
  return "";
}

const Difference::Shape* shape_of(const Difference& difference, const std::string& name) {
  for (const Difference::Shape& one : difference.other_shape) {
    if (one.name == name) return &one;
  }
  return nullptr;
}

std::string other_shapes(const Difference& difference) {
  const auto& shapes = difference.other_shape;
  if (shapes.empty()) return "";
  const auto all = [&](auto fits) { return std::all_of(shapes.begin(), shapes.end(), fits); };
  if (all([](const auto& one) {
        return one.got.size() > 1 &&
               std::equal(one.got.begin(), one.got.end(), one.wanted.rbegin(), one.wanted.rend());
      })) {
    return "transposed";
  }
  if (all([](const auto& one) {
        std::vector<int64_t> got = one.got;
        while (got.size() > one.wanted.size() && got.back() == 1) got.pop_back();
        return got == one.wanted;
      })) {
    return "convolutions of one pixel in place of matrices, as in the paper's own networks";
  }
  if (all([](const auto& one) { return one.name.find("time_emb_proj") != std::string::npos; })) {
    return "resnet_time_scale_shift is another";
  }
  const Difference::Shape* in = shape_of(difference, "conv_in.weight");
  const Difference::Shape* out = shape_of(difference, "conv_out.bias");
  if (in != nullptr && in->got.size() == 4 && in->got[0] != in->wanted[0]) {
    const auto [less, more] = std::minmax(in->got[0], in->wanted[0]);
    if (less > 0 && more % less == 0) {
      return concat(in->got[0] == more ? "wider" : "narrower", " by a factor of ", more / less,
                    " than block_out_channels say");
    }
    return concat("conv_in has ", in->got[0], " channels, block_out_channels say ", in->wanted[0]);
  }
  if (in != nullptr && in->got.size() == 4) {
    return concat("a network for images of ", in->got[1], " channels, in_channels say ",
                  in->wanted[1]);
  }
  if (out != nullptr && out->got.size() == 1) {
    return concat("a network of ", out->got[0], " output channels, out_channels say ",
                  out->wanted[0]);
  }
  return "";
}

std::string cause_of(const std::vector<NamedShape>& parameters, const ShapesByName& tensors,
                     const Difference& difference) {
  Names wanted;
  Names got;
  for (const NamedShape& one : parameters) wanted.push_back(one.name);
  for (const auto& [name, shape] : tensors) got.push_back(name);
  if (const std::string prefix = common_prefix(wanted, got); !prefix.empty()) {
    return concat("all names begin with ", name_shown(prefix));
  }
  if (std::string foreign = foreign_names(difference); !foreign.empty()) return foreign;
  const bool names_differ = !difference.missing.empty() || !difference.left_over.empty();
  if (names_differ) {
    if (std::string count = other_count(wanted, got); !count.empty()) return count;
  }
  return other_shapes(difference);
}

// The first of each kind; a kind leaves what it does not need to the others.
std::vector<std::string> examples(const Difference& difference) {
  const std::vector<size_t> counts = {difference.missing.size(), difference.left_over.size(),
                                      difference.other_shape.size()};
  std::vector<size_t> told(counts.size(), 0);
  for (size_t k = 0, taken = 0; taken < std::min(kMostTold, difference.count());
       k = (k + 1) % counts.size()) {
    if (told[k] == counts[k]) continue;
    ++told[k];
    ++taken;
  }
  std::vector<std::string> lines;
  for (size_t i = 0; i < told[0]; ++i) lines.push_back("no " + difference.missing[i]);
  for (size_t i = 0; i < told[1]; ++i)
    lines.push_back(name_shown(difference.left_over[i]) + " left over");
  for (size_t i = 0; i < told[2]; ++i) {
    const Difference::Shape& one = difference.other_shape[i];
    lines.push_back(
        concat(one.name, " wanted ", shape_text(one.wanted), ", got ", shape_text(one.got)));
  }
  return lines;
}

}  // namespace

std::string mismatch_report(const std::vector<NamedShape>& wanted, const ShapesByName& got) {
  const Difference difference = difference_of(wanted, got);
  if (difference.count() == 0) return "";
  std::vector<std::string> kinds;
  const auto add = [&](size_t count, const char* what) {
    if (count > 0) kinds.push_back(concat(count, what));
  };
  add(difference.missing.size(), " missing");
  add(difference.left_over.size(), " left over");
  add(difference.other_shape.size(), " of another shape");
  const std::string cause = cause_of(wanted, got, difference);
  return concat("not the ", wanted.size(), " tensors of this network: ", join(kinds, ", "),
                cause.empty() ? "" : "; perhaps ", cause, "; ", join(examples(difference), "; "),
                difference.count() > kMostTold ? "; .." : "");
}

}  // namespace ddpm
