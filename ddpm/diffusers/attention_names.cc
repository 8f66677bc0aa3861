#include "ddpm/diffusers/attention_names.h"

#include <optional>
#include <string_view>

#include "ddpm/base/check.h"
#include "ddpm/base/json.h"

namespace ddpm {

namespace {

struct Pair {
  std::string_view then;
  std::string_view now;
};
constexpr Pair kParts[] = {
    {"query", "to_q"}, {"key", "to_k"}, {"value", "to_v"}, {"proj_attn", "to_out.0"}};

// "mid_block.attentions.0", "to_out.0", ".weight".
struct AttentionName {
  std::string module;
  std::string part;
  std::string leaf;

  std::string with_part(std::string_view other) const { return concat(module, ".", other, leaf); }
};

// Nothing for a name that is not of an attention.
std::optional<AttentionName> split_name(const std::string& name) {
  constexpr std::string_view kFolder = "attentions.";
  const size_t folder = name.rfind(kFolder);
  if (folder == std::string::npos || (folder > 0 && name[folder - 1] != '.')) return std::nullopt;
  const size_t number = folder + kFolder.size();
  const size_t dot = name.find_first_not_of("0123456789", number);
  if (dot == number || dot == std::string::npos || name[dot] != '.') return std::nullopt;
  const size_t leaf = name.rfind('.');
  if (leaf <= dot) return std::nullopt;
  return AttentionName{name.substr(0, dot), name.substr(dot + 1, leaf - dot - 1),
                       name.substr(leaf)};
}

std::string renamed(const std::string& name, std::string_view Pair::*from,
                    std::string_view Pair::*to) {
  const std::optional<AttentionName> split = split_name(name);
  if (!split) return name;
  for (const Pair& pair : kParts) {
    if (split->part == pair.*from) return split->with_part(pair.*to);
  }
  return name;
}

bool is_one_of(const std::string& part, std::string_view Pair::*form) {
  for (const Pair& pair : kParts) {
    if (part == pair.*form) return true;
  }
  return false;
}

// What one attention was found to have, by form.
struct Forms {
  std::string then;
  std::string now;
};

}  // namespace

std::string new_attention_name(const std::string& name) {
  return renamed(name, &Pair::then, &Pair::now);
}

std::string old_attention_name(const std::string& name) {
  return renamed(name, &Pair::now, &Pair::then);
}

std::map<std::string, std::string> with_new_attention_names(const std::vector<std::string>& names,
                                                            const std::string& who) {
  std::map<std::string, Forms> attentions;
  std::map<std::string, std::string> by_new_name;
  for (const std::string& name : names) {
    if (const auto split = split_name(name)) {
      if (split->part.rfind("to_to_", 0) == 0) {
        throw FormatError(concat(who, ": ", name_shown(name), " was converted twice: wanted ",
                                 name_shown(split->with_part(split->part.substr(3)))));
      }
      Forms& forms = attentions[split->module];
      if (is_one_of(split->part, &Pair::then)) forms.then = split->part;
      if (is_one_of(split->part, &Pair::now)) forms.now = split->part;
      if (!forms.then.empty() && !forms.now.empty()) {
        throw FormatError(concat(who, ": ", name_shown(split->module), " has names of two forms, ",
                                 forms.then, " beside ", forms.now, "; wanted one of them"));
      }
    }
    by_new_name[new_attention_name(name)] = name;
  }
  return by_new_name;
}

}  // namespace ddpm
