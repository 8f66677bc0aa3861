// For tests: the message of an expected error.

#pragma once

#include <gtest/gtest.h>

#include <string>

namespace ddpm {

// The message of the E that `act` throws; "" if it throws none.
template <typename E, typename Act>
std::string complaint(Act act) {
  try {
    act();
  } catch (const E& error) {
    return error.what();
  }
  return "";
}

inline void expect_contains(const std::string& text, const std::string& part) {
  EXPECT_NE(text.find(part), std::string::npos) << "'" << text << "' lacks '" << part << "'";
}

}  // namespace ddpm
