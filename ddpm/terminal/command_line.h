// The words behind a command, in the one form that leaves no room for two readings.

#pragma once

#include <string>
#include <vector>

namespace CLI {
class App;
}

namespace ddpm {

// `words` with every flag's value in the same word: "--out x" becomes "--out=x", and the numbers of
// a list are joined by commas. The rules:
//   - a flag that takes a value takes the rest of its own word behind "=", or the next word. A next
//     word that begins with "--" is a flag, not a value; "--out=--x" gives such a value. "-5" is a
//     value.
//   - no value may be empty.
//   - a switch takes no value. Of --name and --no-name the last one counts.
//   - no flag may be given twice.
//   - "--" ends the flags.
// Unknown flags are left as they are. Throws InvalidArgument that starts with `command` and names
// the flag.
std::vector<std::string> one_word_per_flag(const CLI::App& app, const std::string& command,
                                           const std::vector<std::string>& words);

}  // namespace ddpm
