// The words that people write for the values of an enumeration.

#pragma once

#include <array>
#include <string>
#include <string_view>
#include <vector>

#include "ddpm/base/check.h"
#include "ddpm/base/text.h"

namespace ddpm {

template <typename Value>
struct Named {
  Value value;
  std::string_view name;
};

// The name of `value`, which has to be in the table.
template <typename Value, size_t n>
std::string name_of(const std::array<Named<Value>, n>& table, Value value) {
  for (const Named<Value>& row : table) {
    if (row.value == value) return std::string(row.name);
  }
  throw std::logic_error("name_of: a value has no name");
}

template <typename Value, size_t n>
std::vector<std::string> names_of(const std::array<Named<Value>, n>& table) {
  std::vector<std::string> names;
  for (const Named<Value>& row : table) names.emplace_back(row.name);
  return names;
}

// The value with this name. Throws InvalidArgument that starts with `who` and says which names
// there are and which one may have been meant.
template <typename Value, size_t n>
Value value_named(const std::array<Named<Value>, n>& table, std::string_view who,
                  std::string_view name) {
  for (const Named<Value>& row : table) {
    if (row.name == name) return row.value;
  }
  const std::vector<std::string> known = names_of(table);
  throw InvalidArgument(concat(who, ": wanted ", join(known, " or "), ", got '", name, "'",
                               did_you_mean(name, known)));
}

}  // namespace ddpm
