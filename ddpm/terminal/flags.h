// The flags of one command. Every value is checked as it is read, and a wrong one is an
// InvalidArgument of one line: "sample: --count must be a whole number of at least 1, got 'x'".

#pragma once

#include <cstdint>
#include <functional>
#include <limits>
#include <optional>
#include <string>
#include <vector>

namespace CLI {
class App;
}

namespace ddpm {

class Flags {
 public:
  Flags(CLI::App& app, std::string command);

  // `value` holds the default, which the help shows, and gets what was given. `name` is "--name",
  // or "name" for a word without a flag.
  void text(const std::string& name, std::string& value, const std::string& metavar,
            const std::string& help);
  void integer(const std::string& name, int64_t& value, const std::string& help, int64_t least,
               int64_t most = std::numeric_limits<int64_t>::max());
  // The same, and whether it was given: a default that is not possible is clamped by the command,
  // a value that was given is the user's mistake.
  void integer(const std::string& name, int64_t& value, bool& given, const std::string& help,
               int64_t least, int64_t most = std::numeric_limits<int64_t>::max());
  // The same without a default: the value stays empty unless one is given.
  void optional_integer(const std::string& name, std::optional<int64_t>& value,
                        const std::string& help, int64_t least);
  void number(const std::string& name, double& value, const std::string& help, double least,
              double most);
  void choice(const std::string& name, std::string& value, const std::vector<std::string>& choices,
              const std::string& help);
  // Numbers behind each other, or with commas between them.
  void integers(const std::string& name, std::vector<int64_t>& value, const std::string& help);
  void toggle(const std::string& name, bool& value, const std::string& help);

  // For everything else: `set` gets the text and throws InvalidArgument for a wrong one.
  void custom(const std::string& name, const std::string& metavar, const std::string& help,
              const std::string& default_text, const std::string& group,
              std::function<void(const std::string&)> set);
  // The same for a switch: --name and --no-name call it with "true" and "false".
  void custom_switch(const std::string& name, const std::string& help,
                     const std::string& default_text, const std::string& group,
                     const std::function<void(const std::string&)>& set);

  const std::string& command() const { return command_; }

 private:
  CLI::App& app_;
  std::string command_;
};

// Throws InvalidArgument "command: --name is required: help" if `value` is empty.
void require_given(const std::string& command, const std::string& name, const std::string& value,
                   const std::string& what);

}  // namespace ddpm
