// JSON as this library reads and writes it: strict, and the same text for the same value.

#pragma once

#include <cstdint>
#include <nlohmann/json_fwd.hpp>
#include <string>
#include <string_view>
#include <vector>

namespace ddpm {

using Json = nlohmann::json;  // keys sorted

// The maximum memory of a value that parse_json returns; a text can ask for 25 times its own bytes.
inline constexpr int64_t kMaxJsonMemory = int64_t{128} << 20;

// Parses one JSON value: strict UTF-8 without lone surrogates or a NUL, nothing after the value, no
// key twice in an object, at most `max_depth` levels deep and kMaxJsonMemory bytes in memory.
// Throws FormatError that starts with `who` and gives the reason and the byte, or what the text is
// instead (foreign_file.h).
Json parse_json(std::string_view text, std::string_view who, int max_depth = 64);

// As diffusers writes its files: two spaces a level, keys sorted, a newline at the end.
std::string json_text(const Json& value);

// One line, keys sorted, no newline. A number that is not finite is an error (InvalidArgument).
std::string json_line(const Json& value);

// As an error message shows a value that came from a file: one line of ASCII, cut short.
std::string json_shown(const Json& value);

// The same of a name that came from a file: without quotes where it is short and plain.
std::string name_shown(const std::string& name);

}  // namespace ddpm
