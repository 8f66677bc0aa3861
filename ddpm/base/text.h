// Small things with words: the nearest known name, numbers as people read them.

#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace ddpm {

// The candidate with the smallest edit distance to `word`, if that distance is at most a third of
// the word's length, at least 2. The first of equals.
std::optional<std::string> nearest_word(std::string_view word,
                                        std::span<const std::string> candidates);

// "; did you mean 'beta'?" or "".
std::string did_you_mean(std::string_view word, std::span<const std::string> candidates);

std::string join(std::span<const std::string> parts, std::string_view separator);
// "a", "a or b", "a, b or c".
std::string alternatives(std::span<const std::string> words);
std::string join(std::span<const int64_t> numbers, std::string_view separator);
std::string shape_text(std::span<const int64_t> extents);               // "[2, 3, 32, 32]"
std::vector<std::string> split(std::string_view text, char separator);  // "a,b" -> a b; "" -> none
// A line of CSV, RFC 4180 but for its end, "\n": a field with a comma, a quote, a line break or a
// space at one of its ends is put in quotes, and a quote in it is doubled.
std::string csv_line(std::span<const std::string> fields);
std::string lower_case(std::string_view text);  // ASCII letters only

// `word` as a POSIX shell reads it back: itself where that is safe, else in single quotes.
std::string shell_word(const std::string& word);

// A name or a message that came from outside, as one line for people: control characters, bytes
// that are no UTF-8 and marks that turn the direction of writing as "\n", "\t", "\x1b".
// Everything else is unchanged, so the text is readable, not reversible.
std::string escaped(std::string_view text);

std::string with_thousands(int64_t value);                  // 35746307 -> "35,746,307"
std::string with_decimals(double value, int digits);        // 2.5, 2 -> "2.50"
std::string counted(int64_t count, std::string_view noun);  // "1 image", "2,000 images"
std::string readable_bytes(int64_t bytes);                  // 1536 -> "1.5 KiB"
std::string readable_duration(
    double seconds);  // 3725 -> "1 h 2 min"; 62 -> "1 min 2 s"; 0.25 -> "250 ms"
std::string readable_epochs(double epochs);  // 0.25 -> "0.25 epochs"; 2048 -> "2,048 epochs"
// The shortest decimal text that reads back as the same double; "1e-06" may be "1e-06".
std::string shortest(double value);

// The whole of `text` as a number; nothing if there is anything else in it or it does not fit.
std::optional<int64_t> parse_int(std::string_view text);
std::optional<double> parse_double(std::string_view text);

}  // namespace ddpm
