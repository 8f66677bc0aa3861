#include "ddpm/base/json.h"

#include <gtest/gtest.h>

#include <limits>
#include <nlohmann/json.hpp>

#include "ddpm/base/check.h"
#include "ddpm/testing/complaint.h"

namespace ddpm {
namespace {

// The message of the FormatError that parsing `text` gives, or "" if it parses.
std::string error_of(std::string_view text, int max_depth = 64) {
  return complaint<FormatError>([&] { parse_json(text, "config.json", max_depth); });
}

TEST(ParseJson, ReadsWhatJsonTextWrote) {
  const Json value = {{"b", {1, 2.5, nullptr}}, {"a", "text"}, {"c", true}};
  EXPECT_EQ(parse_json(json_text(value), "x"), value);
  EXPECT_EQ(parse_json(json_line(value), "x"), value);
}

TEST(ParseJson, RefusesAKeyThatStandsTwice) {
  EXPECT_EQ(error_of(R"({"a": 1, "b": {"a": 1}})"), "");
  EXPECT_EQ(error_of(R"({"a": 1, "a": 2})"), "config.json: the key \"a\" occurs twice");
}

TEST(ParseJson, RefusesWhatIsNestedTooDeep) {
  EXPECT_EQ(error_of("[[[1]]]", 3), "");
  EXPECT_EQ(error_of("[[[[1]]]]", 3), "config.json: more than 3 levels deep");
  EXPECT_NE(error_of(std::string(100000, '[')), "");
}

TEST(ParseJson, RefusesRestsAndBrokenText) {
  EXPECT_NE(error_of("{} x"), "");
  EXPECT_NE(error_of("{"), "");
  EXPECT_NE(error_of(""), "");
  EXPECT_NE(error_of("{\"a\": \"\xff\"}"), "");
  EXPECT_NE(error_of("NaN"), "");
  EXPECT_NE(error_of("1e999"), "");
  EXPECT_EQ(error_of("{").find('\n'), std::string::npos);
}

TEST(ParseJson, RefusesANulAndWhatFollowsIt) {
  using namespace std::string_literals;
  EXPECT_EQ(error_of("{}\0{\"steps\": 1}"s), "config.json: not JSON: a NUL at byte 3");
  EXPECT_EQ(error_of("{\"a\": \"b\0c\"}"s), "config.json: not JSON: a NUL at byte 9");
  EXPECT_NE(error_of("{}\0"s), "");
  EXPECT_EQ(error_of("{\"a\": \"b\\u0000c\"}"), "");
}

TEST(ParseJson, RefusesLoneSurrogates) {
  EXPECT_EQ(error_of(R"("\ud83d\ude00")"), "");
  EXPECT_NE(error_of(R"("\ud83d")"), "");
  EXPECT_NE(error_of(R"("\ude00")"), "");
  EXPECT_NE(error_of(R"("\ud83dx")"), "");
  EXPECT_NE(error_of("\"\xed\xa0\xbd\""), "");
}

TEST(ParseJson, RefusesASecondValue) {
  EXPECT_NE(error_of("{} {}"), "");
  EXPECT_NE(error_of("1 2"), "");
  EXPECT_NE(error_of("{}\n\n,"), "");
  EXPECT_EQ(error_of(" {} \n"), "");
}

TEST(ParseJson, NamesWhatIsNoJson) {
  EXPECT_EQ(error_of("version https://git-lfs.github.com/spec/v1\noid sha256:0\n"),
            "config.json: expected JSON, got a Git LFS pointer, not the file itself; run 'git lfs "
            "pull' in its repository");
  EXPECT_NE(error_of("<!DOCTYPE html><html></html>").find("got an HTML page"), std::string::npos);
  EXPECT_NE(error_of("").find("got an empty file"), std::string::npos);
}

// The bytes in memory are what is bounded: these texts have 2 to 6 MB.
TEST(ParseJson, BoundsTheMemoryOfAValue) {
  const auto repeated = [](const std::string& part, int64_t count) {
    std::string text = "[";
    for (int64_t i = 0; i < count; ++i) text += part + ",";
    return text + "0]";
  };
  EXPECT_EQ(error_of(repeated("0", 1'000'000)), "");
  const std::string expected =
      "config.json: expected values of at most 128 MiB in memory, got more";
  EXPECT_EQ(error_of(repeated("[]", 2'100'000)), expected);
  EXPECT_EQ(error_of(repeated("\"\"", 2'100'000)), expected);
  EXPECT_EQ(error_of(repeated("{\"a\":0}", 600'000)), expected);
}

TEST(ParseJson, KeysInMessagesAreEscaped) {
  EXPECT_EQ(error_of(R"({"a\u001bb": 1, "a\u001bb": 2})"),
            R"(config.json: the key "a\u001bb" occurs twice)");
}

TEST(JsonText, SortsKeysAndEndsWithANewline) {
  EXPECT_EQ(json_text(Json{{"b", 1}, {"a", 2}}), "{\n  \"a\": 2,\n  \"b\": 1\n}\n");
  EXPECT_EQ(json_line(Json{{"b", 1}, {"a", 2}}), R"({"a":2,"b":1})");
}

// Two paths in Latin-1 stay two texts, and every reader takes them.
TEST(JsonText, EscapesBytesThatAreNotUtf8) {
  EXPECT_EQ(json_line(Json{{"caf\xe9", {"caf\xe9", "caf\xe8", "caf\xc3\xa9"}}}),
            "{\"caf\\\\xe9\":[\"caf\\\\xe9\",\"caf\\\\xe8\",\"caf\xc3\xa9\"]}");
  EXPECT_NO_THROW(parse_json(json_text(Json{{"a", "\xff\x00"}}), "a"));
}

TEST(JsonText, RefusesNumbersThatJsonCannotSay) {
  EXPECT_THROW(json_line(Json{{"a", {std::numeric_limits<double>::quiet_NaN()}}}), InvalidArgument);
}

}  // namespace
}  // namespace ddpm
