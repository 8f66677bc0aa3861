#include "ddpm/terminal/flags.h"

#include <CLI/CLI.hpp>
#include <algorithm>

#include "ddpm/base/check.h"
#include "ddpm/base/text.h"

namespace ddpm {

namespace {

constexpr const char* kPlainGroup = "Options";
constexpr int kMostNumbers = 1000;  // of one flag

int64_t integer_in(const std::string& who, const std::string& given, int64_t least, int64_t most) {
  const auto number = parse_int(given);
  const bool open = most == std::numeric_limits<int64_t>::max();
  DDPM_CHECK(number && *number >= least && *number <= most, who, " must be a whole number ",
             open ? concat("of at least ", least) : concat("in [", least, ", ", most, "]"),
             ", got '", given, "'");
  return *number;
}

}  // namespace

Flags::Flags(CLI::App& app, std::string command) : app_(app), command_(std::move(command)) {}

void Flags::custom(const std::string& name, const std::string& metavar, const std::string& help,
                   const std::string& default_text, const std::string& group,
                   std::function<void(const std::string&)> set) {
  auto* option = app_.add_option_function<std::string>(
      name, [set = std::move(set)](const std::string& text) { set(text); }, help);
  option->type_name(metavar)->group(group)->trigger_on_parse();
  if (!default_text.empty()) option->default_str(default_text);
}

void Flags::custom_switch(const std::string& name, const std::string& help,
                          const std::string& default_text, const std::string& group,
                          const std::function<void(const std::string&)>& set) {
  app_.add_flag_callback(
          name, [set] { set("true"); }, help + " [default: " + default_text + "]")
      ->group(group);
  app_.add_flag_callback(
          "--no-" + name.substr(2), [set] { set("false"); }, "the opposite of " + name)
      ->group(group);
}

void Flags::text(const std::string& name, std::string& value, const std::string& metavar,
                 const std::string& help) {
  custom(name, metavar, help, value, kPlainGroup, [&value](const std::string& t) { value = t; });
}

void Flags::integer(const std::string& name, int64_t& value, const std::string& help, int64_t least,
                    int64_t most) {
  custom(name, "N", help, std::to_string(value), kPlainGroup,
         [&value, least, most, who = command_ + ": " + name](const std::string& given) {
           value = integer_in(who, given, least, most);
         });
}

void Flags::integer(const std::string& name, int64_t& value, bool& given, const std::string& help,
                    int64_t least, int64_t most) {
  custom(name, "N", help, std::to_string(value), kPlainGroup,
         [&value, &given, least, most, who = command_ + ": " + name](const std::string& text) {
           value = integer_in(who, text, least, most);
           given = true;
         });
}

void Flags::optional_integer(const std::string& name, std::optional<int64_t>& value,
                             const std::string& help, int64_t least) {
  custom(name, "N", help, "", kPlainGroup,
         [&value, least, who = command_ + ": " + name](const std::string& given) {
           value = integer_in(who, given, least, std::numeric_limits<int64_t>::max());
         });
}

void Flags::number(const std::string& name, double& value, const std::string& help, double least,
                   double most) {
  custom(name, "X", help, shortest(value), kPlainGroup,
         [&value, least, most, who = command_ + ": " + name](const std::string& given) {
           const auto number = parse_double(given);
           DDPM_CHECK(number && *number >= least && *number <= most, who, " must be a number in [",
                      least, ", ", most, "], got '", given, "'");
           value = *number;
         });
}

void Flags::choice(const std::string& name, std::string& value,
                   const std::vector<std::string>& choices, const std::string& help) {
  custom(name, join(choices, "|"), help, value, kPlainGroup,
         [&value, choices, who = command_ + ": " + name](const std::string& given) {
           DDPM_CHECK(std::find(choices.begin(), choices.end(), given) != choices.end(), who,
                      " must be one of ", join(choices, ", "), ", got '", given, "'",
                      did_you_mean(given, choices));
           value = given;
         });
}

void Flags::integers(const std::string& name, std::vector<int64_t>& value,
                     const std::string& help) {
  const auto set = [&value, who = command_ + ": " + name](const std::vector<std::string>& given) {
    value.clear();
    for (const std::string& part : given) {
      for (const std::string& word : split(part, ',')) {
        const auto number = parse_int(word);
        DDPM_CHECK(number, who, " must be whole numbers, got '", join(given, " "), "'");
        value.push_back(*number);
      }
    }
  };
  auto* option = app_.add_option_function<std::vector<std::string>>(name, set, help);
  option->type_name("N N ..")->group(kPlainGroup)->expected(1, kMostNumbers);
  if (!value.empty()) option->default_str(join(value, " "));
}

void Flags::toggle(const std::string& name, bool& value, const std::string& help) {
  app_.add_flag_callback(
          name, [&value] { value = true; }, help)
      ->group(kPlainGroup);
}

void require_given(const std::string& command, const std::string& name, const std::string& value,
                   const std::string& what) {
  DDPM_CHECK(!value.empty(), command, ": ", name, " is required: ", what);
}

}  // namespace ddpm
