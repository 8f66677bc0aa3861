// The command that is suggested next, exactly as it can be pasted into a shell.

#pragma once

#include <cstdint>
#include <string>

namespace ddpm {

// "next: PROGRAM command --flag value ..", built word by word.
class NextCommand {
 public:
  // `program` is the name that this process was started by.
  NextCommand(const std::string& program, const std::string& command);

  NextCommand& word(const std::string& word);
  NextCommand& flag(const std::string& name, const std::string& value);
  NextCommand& flag(const std::string& name, int64_t value);
  NextCommand& flag(const std::string& name, double value);
  // The flag only if its value is another one than what leaving it out means.
  template <typename T>
  NextCommand& flag_unless(const T& left_out, const std::string& name, const T& value) {
    return value == left_out ? *this : flag(name, value);
  }

  const std::string& line() const { return line_; }  // without a newline

 private:
  std::string line_;
};

}  // namespace ddpm
