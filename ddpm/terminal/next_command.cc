#include "ddpm/terminal/next_command.h"

#include "ddpm/base/text.h"

namespace ddpm {

NextCommand::NextCommand(const std::string& program, const std::string& command)
    : line_("next: " + shell_word(program) + " " + command) {}

NextCommand& NextCommand::word(const std::string& word) {
  line_ += " " + shell_word(word);
  return *this;
}

NextCommand& NextCommand::flag(const std::string& name, const std::string& value) {
  return word(name).word(value);
}

NextCommand& NextCommand::flag(const std::string& name, int64_t value) {
  return flag(name, std::to_string(value));
}

NextCommand& NextCommand::flag(const std::string& name, double value) {
  return flag(name, shortest(value));
}

}  // namespace ddpm
