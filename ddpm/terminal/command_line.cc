#include "ddpm/terminal/command_line.h"

#include <CLI/CLI.hpp>
#include <algorithm>
#include <map>
#include <utility>

#include "ddpm/base/check.h"
#include "ddpm/base/text.h"

namespace ddpm {

namespace {

bool is_flag(const std::string& word) { return word.size() > 2 && word.starts_with("--"); }

class Words {
 public:
  Words(const CLI::App& app, const std::string& command, const std::vector<std::string>& words)
      : app_(app), command_(command), words_(words) {}

  std::vector<std::string> run() {
    while (next_ < words_.size()) {
      const std::string& word = words_[next_++];
      if (word == "--") return up_to_the_end();
      const CLI::Option* option = is_flag(word) ? option_of(word) : nullptr;
      if (option == nullptr) {
        result_.push_back(word);
      } else if (option->get_items_expected_max() == 0) {
        take_switch(word);
      } else {
        take_value(word, option->get_items_expected_max() > 1, option->get_type_name());
      }
    }
    return std::move(result_);
  }

 private:
  static std::string name_of(const std::string& word) { return word.substr(0, word.find('=')); }

  const CLI::Option* option_of(const std::string& word) const {
    return app_.get_option_no_throw(name_of(word));
  }

  [[noreturn]] void fail(const std::string& name, const std::string& reason) const {
    throw InvalidArgument(concat(command_, ": ", name, ": ", reason));
  }

  std::vector<std::string> up_to_the_end() {
    result_.insert(result_.end(), words_.begin() + static_cast<std::ptrdiff_t>(next_) - 1,
                   words_.end());
    return std::move(result_);
  }

  void note(const std::string& name, const std::string& value) {
    const auto [earlier, is_new] = given_.emplace(name, value);
    if (is_new) return;
    const bool same = value.empty() || earlier->second == value;
    fail(name, concat("expected once, got twice",
                      same ? "" : concat(", with '", earlier->second, "' and '", value, "'")));
  }

  void take_switch(const std::string& word) {
    const std::string name = name_of(word);
    const std::string opposite =
        name.starts_with("--no-") ? "--" + name.substr(5) : "--no-" + name.substr(2);
    if (word.size() > name.size()) {
      fail(name, concat("expected no value, got '", word.substr(name.size() + 1), "'",
                        option_of(opposite) == nullptr ? "" : "; its opposite is " + opposite));
    }
    note(name, "");
    std::erase(result_, opposite);
    result_.push_back(name);
  }

  void take_value(const std::string& word, bool several, const std::string& form) {
    const std::string name = name_of(word);
    std::vector<std::string> values;
    if (word.size() > name.size()) {
      values.push_back(word.substr(name.size() + 1));
    } else {
      if (next_ == words_.size()) fail(name, concat("expected a value, ", form, ", got none"));
      if (words_[next_].starts_with("--")) {
        fail(name, concat("expected a value, ", form, ", got the flag ", name_of(words_[next_]),
                          "; ", name, "=VALUE gives one that begins with --"));
      }
      values.push_back(words_[next_++]);
      while (several && next_ < words_.size() && !words_[next_].starts_with("--")) {
        values.push_back(words_[next_++]);
      }
    }
    const std::string value = join(values, ",");
    if (value.empty()) fail(name, concat("expected a value, ", form, ", got an empty one"));
    note(name, value);
    result_.push_back(concat(name, "=", value));
  }

  const CLI::App& app_;
  const std::string& command_;
  const std::vector<std::string>& words_;
  size_t next_ = 0;
  std::vector<std::string> result_;
  std::map<std::string, std::string> given_;  // values, by the names of their flags
};

}  // namespace

std::vector<std::string> one_word_per_flag(const CLI::App& app, const std::string& command,
                                           const std::vector<std::string>& words) {
  return Words(app, command, words).run();
}

}  // namespace ddpm
