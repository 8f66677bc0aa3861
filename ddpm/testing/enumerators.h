// For tests: the enumerators of an enumeration, from the compiler itself.

#pragma once

#include <string_view>
#include <utility>
#include <vector>

namespace ddpm {

// Whether `value` has a name: gcc and clang print one that has none as a cast, "(E)7".
template <typename E, E value>
constexpr bool is_enumerator() {
  const std::string_view text = __PRETTY_FUNCTION__;
  const std::string_view key = "value = ";
  return text.substr(text.find(key) + key.size()).front() != '(';
}

// The enumerators of E with values in [0, 64), in their order.
template <typename E>
std::vector<E> all_enumerators() {
  return []<int... i>(std::integer_sequence<int, i...>) {
    std::vector<E> all;
    ((is_enumerator<E, static_cast<E>(i)>() ? all.push_back(static_cast<E>(i)) : void()), ...);
    return all;
  }
  (std::make_integer_sequence<int, 64>());
}

}  // namespace ddpm
