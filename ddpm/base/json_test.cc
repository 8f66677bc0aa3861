#include "ddpm/base/json.h"

#include <gtest/gtest.h>

#include <limits>
#include <nlohmann/json.hpp>

#include "ddpm/base/check.h"

namespace ddpm {
namespace {

// The message of the FormatError that parsing `text` gives, or "" if it parses.
std::string complaint(std::string_view text, int max_depth = 64) {
  try {
    parse_json(text, "config.json", max_depth);
  } catch (const FormatError& error) {
    return error.what();
  }
  return "";
}

TEST(ParseJson, ReadsWhatJsonTextWrote) {
  const Json value = {{"b", {1, 2.5, nullptr}}, {"a", "text"}, {"c", true}};
  EXPECT_EQ(parse_json(json_text(value), "x"), value);
  EXPECT_EQ(parse_json(json_line(value), "x"), value);
}

TEST(ParseJson, RefusesAKeyThatStandsTwice) {
  EXPECT_EQ(complaint(R"({"a": 1, "b": {"a": 1}})"), "");
  EXPECT_EQ(complaint(R"({"a": 1, "a": 2})"), "config.json: the key 'a' twice");
}

TEST(ParseJson, RefusesWhatIsNestedTooDeep) {
  EXPECT_EQ(complaint("[[[1]]]", 3), "");
  EXPECT_EQ(complaint("[[[[1]]]]", 3), "config.json: more than 3 levels deep");
  EXPECT_NE(complaint(std::string(100000, '[')), "");
}

TEST(ParseJson, RefusesRestsAndBrokenText) {
  EXPECT_NE(complaint("{} x"), "");
  EXPECT_NE(complaint("{"), "");
  EXPECT_NE(complaint(""), "");
  EXPECT_NE(complaint("{\"a\": \"\xff\"}"), "");
  EXPECT_NE(complaint("NaN"), "");
  EXPECT_NE(complaint("1e999"), "");
  EXPECT_EQ(complaint("{").find('\n'), std::string::npos);
}

TEST(JsonText, SortsKeysAndEndsWithANewline) {
  EXPECT_EQ(json_text(Json{{"b", 1}, {"a", 2}}), "{\n  \"a\": 2,\n  \"b\": 1\n}\n");
  EXPECT_EQ(json_line(Json{{"b", 1}, {"a", 2}}), R"({"a":2,"b":1})");
}

TEST(JsonText, RefusesNumbersThatJsonCannotSay) {
  EXPECT_THROW(json_line(Json{{"a", {std::numeric_limits<double>::quiet_NaN()}}}), InvalidArgument);
}

}  // namespace
}  // namespace ddpm
