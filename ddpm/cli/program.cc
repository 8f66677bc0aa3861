#include "ddpm/cli/program.h"

#include <CLI/CLI.hpp>
#include <algorithm>
#include <cstring>
#include <exception>
#include <filesystem>
#include <iostream>
#include <new>

#include "ddpm/base/check.h"
#include "ddpm/base/text.h"
#include "ddpm/cli/commands.h"
#include "ddpm/cli/hand_over.h"
#include "ddpm/cli/out_of_memory.h"
#include "ddpm/cli/version.h"
#include "ddpm/jobs/network_backend.h"
#include "ddpm/terminal/command_line.h"
#include "ddpm/terminal/signals.h"
#include "ddpm/terminal/standard_output.h"

namespace ddpm {

namespace {

struct Declared {
  Command command;
  CLI::App* app;
  Action action;
};

// The first word of commands that have two.
CLI::App& group_of(CLI::App& app, const std::string& word) {
  for (CLI::App* known : app.get_subcommands([](CLI::App*) { return true; })) {
    if (known->get_name() == word) return *known;
  }
  CLI::App* group = app.add_subcommand(word, "several: `ddpm " + word + " --help` lists them");
  group->allow_extras();
  group->require_subcommand(0, 1);
  return *group;
}

// Whether all words of a command stand in the command line.
bool asked_for(const std::vector<std::string>& words, int argc, char** argv) {
  return std::all_of(words.begin(), words.end(), [&](const std::string& word) {
    return std::find(argv + 1, argv + argc, word) != argv + argc;
  });
}

// All commands, with the flags of those that may be meant: all flags would take a third of the time
// of `ddpm --help`.
std::vector<Declared> declare_all(CLI::App& app, int argc, char** argv) {
  std::vector<Declared> declared;
  for (const Command& command : all_commands()) {
    const std::vector<std::string> words = split(command.name, ' ');
    CLI::App& above = words.size() > 1 ? group_of(app, words[0]) : app;
    CLI::App* sub = above.add_subcommand(words.back(), command.summary);
    sub->allow_extras();  // an unknown flag is ours to report, with the nearest known one
    sub->footer("Example:\n  " + command.example);
    sub->get_formatter()->column_width(38);
    if (!asked_for(words, argc, argv)) continue;
    Flags flags(*sub, command.name);
    declared.push_back({command, sub, command.declare(flags)});
  }
  return declared;
}

std::vector<std::string> option_names(const CLI::App& app) {
  std::vector<std::string> names;
  for (const CLI::Option* option : app.get_options()) {
    for (const std::string& name : option->get_lnames()) names.push_back("--" + name);
  }
  return names;
}

void refuse_extras(const Declared& chosen) {
  for (const std::string& word : chosen.app->remaining()) {
    if (word == "--") continue;  // what follows are words
    const std::string name = word.substr(0, word.find('='));
    const bool flag = name.size() > 1 && name[0] == '-';
    throw InvalidArgument(concat(chosen.command.name, ": unknown ", flag ? "flag" : "word", " '",
                                 name, "'", did_you_mean(name, option_names(*chosen.app))));
  }
}

// `app` is the program, or the first word of commands that have two.
[[noreturn]] void refuse_unknown_command(const CLI::App& app) {
  const std::string& who = app.get_name();
  std::vector<std::string> names;
  for (const CLI::App* sub : app.get_subcommands([](const CLI::App*) { return true; })) {
    names.push_back(sub->get_name());
  }
  const std::vector<std::string> words = app.remaining();
  if (words.empty()) {
    throw InvalidArgument(concat(who, ": a command is required, one of ", join(names, ", ")));
  }
  const bool flag = words[0].rfind('-', 0) == 0;
  throw InvalidArgument(concat(who, ": unknown ", flag ? "flag" : "command", " '", words[0], "'",
                               did_you_mean(words[0], flag ? option_names(app) : names)));
}

// The command that was parsed. What stands before one of its words would be for nobody.
const Declared& chosen_of(const CLI::App& app, const std::vector<Declared>& declared) {
  const auto subcommands = app.get_subcommands();
  if (subcommands.empty() || !app.remaining().empty()) refuse_unknown_command(app);
  for (const Declared& each : declared) {
    if (each.app == subcommands[0]) return each;
  }
  return chosen_of(*subcommands[0], declared);  // the first of two words
}

// LibTorch and the standard library may write several lines, the first of which is the message.
std::string first_line(const std::string& text) {
  return text.substr(0, text.find_first_of("\r\n"));
}

// Prints "sample: cannot open ..", with the command in front unless it is there already. An error
// of ours is one line, so a line break or an escape sequence in it is part of a name.
void print_error(const std::string& command, const std::string& text) {
  const bool named = text.rfind(command + ":", 0) == 0 || text.rfind("ddpm:", 0) == 0;
  std::cerr << (named ? "" : command + ": ") << escaped(text) << '\n';
}

// The command whose name the words begin with, the first word of several, or "ddpm".
std::string known_command(const std::vector<std::string>& words) {
  const std::string first = words.empty() ? "" : words[0];
  const std::string both = words.size() > 1 ? first + " " + words[1] : first;
  std::string known = "ddpm";
  for (const Command& command : all_commands()) {
    if (command.name == first || command.name == both) return command.name;
    if (command.name.rfind(first + " ", 0) == 0) known = first;
  }
  return known;
}

// `help WORDS` as `WORDS --help`, without what follows a command: nothing is ever run. Words that
// name no command stay, and are an error as elsewhere.
std::vector<std::string> words_of_help(std::vector<std::string> words) {
  words.erase(words.begin());
  if (words.empty() || words[0].starts_with('-')) return {"--help"};
  const std::string known = known_command(words);
  const std::vector<Command> all = all_commands();
  const bool is_command = std::any_of(
      all.begin(), all.end(), [&known](const Command& command) { return command.name == known; });
  if (!is_command && (known == "ddpm" || words.size() > 1)) return words;
  words = split(known, ' ');
  words.emplace_back("--help");
  return words;
}

// The command line behind the program, last word first as CLI11 takes it, with the words behind a
// known command in the form of one_word_per_flag. `ddpm help WORDS` is `ddpm WORDS --help`.
std::vector<std::string> arguments_of(const std::vector<Declared>& declared, int argc,
                                      char** argv) {
  std::vector<std::string> words(argv + 1, argv + argc);
  if (!words.empty() && words[0] == "help") words = words_of_help(std::move(words));
  for (const Declared& each : declared) {
    const std::vector<std::string> name = split(each.command.name, ' ');
    if (words.size() < name.size() || !std::equal(name.begin(), name.end(), words.begin()))
      continue;
    const auto end = words.begin() + std::ssize(name);
    const std::vector<std::string> rest =
        one_word_per_flag(*each.app, each.command.name, {end, words.end()});
    words.erase(end, words.end());
    words.insert(words.end(), rest.begin(), rest.end());
    break;
  }
  std::reverse(words.begin(), words.end());
  return words;
}

// Memory that cannot be had is told with the command's own flags that it depends on.
int run_action(const Declared& chosen, const TorchHooks& hooks) {
  try {
    return chosen.action(hooks);
  } catch (const std::exception& error) {
    if (!is_out_of_memory(error)) throw;
    throw Error(out_of_memory_line(chosen.command.name, option_names(*chosen.app), error));
  }
}

int parse_and_run(int argc, char** argv, const TorchHooks& hooks) {
  const auto began = program_start();
  CLI::App app("Denoising diffusion probabilistic models: train, sample, look inside.", "ddpm");
  app.set_version_flag("--version", version_text(static_cast<bool>(hooks.open_network)));
  app.allow_extras();
  app.footer("`ddpm COMMAND --help` lists a command's flags, their defaults and an example.");
  app.require_subcommand(0, 1);
  const std::vector<Declared> declared = declare_all(app, argc, argv);
  try {
    std::vector<std::string> arguments = arguments_of(declared, argc, argv);
    app.parse(arguments);
  } catch (const CLI::Success& asked) {
    return app.exit(asked);  // --help and --version
  } catch (const CLI::ParseError& error) {
    throw InvalidArgument(concat(known_command({argv + 1, argv + argc}), ": ", error.what()));
  }
  const Declared& chosen = chosen_of(app, declared);
  refuse_extras(chosen);
  if (chosen.command.needs_torch && !hooks.open_network) {
    hand_over_to_torch(chosen.command.name.c_str(), began, argv);
  }
  TorchHooks started = hooks;
  started.began = began;
  started.program = argv[0];
  try {
    return run_action(chosen, started);
  } catch (const NeedsTorch&) {
    hand_over_to_torch(chosen.command.name.c_str(), began, argv);
  }
}

}  // namespace

std::vector<Command> all_commands() {
  return {train_command(),
          sample_command(),
          forward_command(),
          schedule_command(),
          denoise_command(),
          progressive_command(),
          family_command(),
          interpolate_command(),
          reconstruct_command(),
          inpaint_command(),
          predict_command(),
          plan_command(),
          export_command(),
          convert_command(),
          info_command(),
          evaluate_bpd_command(),
          evaluate_rate_distortion_command(),
          evaluate_ode_command()};
}

namespace {

// The exit code of the command; an error's line is on standard error.
int run_command(const std::string& command, int argc, char** argv, const TorchHooks& hooks) {
  try {
    return parse_and_run(argc, argv, hooks);
  } catch (const Stopped&) {
    if (stop_signal() != 0) print_error(command, "stopped");
    return exit_code_of_stop();
  } catch (const InvalidArgument& error) {
    print_error(command, error.what());
    return 2;
  } catch (const std::bad_alloc&) {
    print_error(command, "not enough memory");
  } catch (const std::filesystem::filesystem_error& error) {
    print_error(command,
                concat("cannot use ", error.path1().string(), ": ", error.code().message()));
  } catch (const Error& error) {
    print_error(command, error.what());
  } catch (const std::exception& error) {
    print_error(command, first_line(error.what()));
  }
  return 1;
}

}  // namespace

int run_program(int argc, char** argv, const TorchHooks& hooks) {
  prepare_standard_streams();
  end_at_stop_signals();
  const StandardOutput output;
  const std::string command = known_command({argv + 1, argv + argc});
  const int code = run_command(command, argc, argv, hooks);
  std::cout.flush();
  const int error = standard_output_error();
  if (code != 0 || error == 0) return code;
  print_error(command, concat("cannot write to standard output: ", std::strerror(error)));
  return 1;
}

}  // namespace ddpm
