#include "command_line.h"

#include <fmt/format.h>

#include <CLI/CLI.hpp>
#include <algorithm>
#include <cctype>
#include <cstdio>
#include <map>
#include <span>

#include "base/result.h"
#include "edit_distance.h"
#include "terminal.h"

namespace ix::cli {
namespace {

// llama.cpp's long flags with one dash, which the parser does not know.
const std::map<std::string, std::string, std::less<>> kOneDashFlags = {{"-no-cnv", "--raw"},
                                                                       {"-npl", "--n-parallel"},
                                                                       {"-st", "--single-turn"},
                                                                       {"-sys", "--system-prompt"}};

std::vector<std::string> flags_of(const CLI::App& app) {
  std::vector<std::string> out;
  for (const CLI::Option* option : app.get_options()) {
    for (const auto& name : option->get_lnames()) out.push_back("--" + name);
    for (const auto& name : option->get_snames()) out.push_back("-" + name);
  }
  for (const auto& [flag, meaning] : kOneDashFlags) {
    if (std::find(out.begin(), out.end(), meaning) != out.end()) out.push_back(flag);
  }
  return out;
}

Status with_suggestion(std::string message, const std::string& nearest_word,
                       const std::string& command) {
  message += nearest_word.empty() ? fmt::format("; see {} --help", command)
                                  : fmt::format(" (did you mean {}?)", nearest_word);
  return invalid_argument(std::move(message));
}

bool looks_like_flag(const std::string& argument) {
  return argument.size() > 1 && argument[0] == '-' &&
         std::isdigit(static_cast<unsigned char>(argument[1])) == 0;
}

// -n64 is a flag with its value; -temp is not.
bool has_value_attached(const std::string& argument) {
  return argument.size() > 2 && argument[1] != '-' &&
         std::isalpha(static_cast<unsigned char>(argument[2])) == 0;
}

// Replaces one-dash names and names the first unknown flag.
// full_name: "ix bench gemm".
Result<std::vector<std::string>> known_flags(CLI::App& command, const std::string& full_name,
                                             std::span<const std::string> arguments) {
  std::vector<std::string> out;
  for (size_t i = 0; i < arguments.size(); ++i) {
    std::string argument = arguments[i];
    if (argument == "--") {
      out.insert(out.end(), arguments.begin() + static_cast<ptrdiff_t>(i), arguments.end());
      break;
    }
    if (const auto it = kOneDashFlags.find(argument); it != kOneDashFlags.end()) {
      argument = it->second;
    }
    if (!looks_like_flag(argument)) {
      out.push_back(argument);
      continue;
    }
    const std::string name = has_value_attached(argument) ? argument.substr(0, 2)
                                                          : argument.substr(0, argument.find('='));
    const CLI::Option* option = command.get_option_no_throw(name);
    if (option == nullptr) {
      return with_suggestion(fmt::format("unknown flag {}", name), nearest(name, flags_of(command)),
                             full_name);
    }
    out.push_back(argument);
    const bool wants_value = option->get_items_expected_min() > 0;
    const bool has_value = name.size() < argument.size();
    if (has_value && option->get_items_expected_max() == 0) {
      return invalid_argument(fmt::format("{} takes no value", name));
    }
    if (!wants_value || has_value) continue;
    if (++i == arguments.size()) return invalid_argument(fmt::format("{} needs a value", name));
    out.push_back(arguments[i]);
  }
  return out;
}

CLI::App* find_command(CLI::App& app, const std::string& name) {
  for (CLI::App* command : app.get_subcommands({})) {
    if (command->get_name() == name) return command;
  }
  return nullptr;
}

Status check_command(const CLI::App& app, const std::vector<std::string>& arguments) {
  std::vector<std::string> names;
  for (const CLI::App* command : app.get_subcommands({})) names.push_back(command->get_name());
  if (arguments.empty()) {
    return invalid_argument(
        fmt::format("give a command: {}; see ix --help", fmt::join(names, ", ")));
  }
  const std::string& first = arguments.front();
  if (std::find(names.begin(), names.end(), first) != names.end()) return ok_status();
  if (looks_like_flag(first)) {
    const auto flags = flags_of(app);
    const std::string name = first.substr(0, first.find('='));
    if (std::find(flags.begin(), flags.end(), name) != flags.end()) return ok_status();
    const std::string near = nearest(name, flags);
    if (near.empty()) {
      return invalid_argument(fmt::format("unknown flag {}: the command comes first, one of {}",
                                          name, fmt::join(names, ", ")));
    }
    return with_suggestion(fmt::format("unknown flag {}", name), near, "ix");
  }
  return with_suggestion(fmt::format("unknown command '{}'", first), nearest(first, names), "ix");
}

int usage_error(std::string_view message) {
  print_error(message);
  return kExitUsage;
}

// The parser puts the long name of the flag before the messages of our checks, which say it.
std::string without_prefix(const std::string& what) {
  const size_t colon = what.find(": ");
  return colon == std::string::npos ? what : what.substr(colon + 2);
}

int parse_and_run(CLI::App& app, std::vector<std::string> arguments, const Action& action) {
  std::reverse(arguments.begin(), arguments.end());  // the parser wants the last first
  try {
    app.parse(std::move(arguments));
  } catch (const CLI::Success& e) {  // --help, --version
    return app.exit(e) == 0 ? kExitOk : kExitUsage;
  } catch (const CLI::ValidationError& e) {
    return usage_error(without_prefix(e.what()));
  } catch (const CLI::ExtrasError& e) {
    return usage_error(fmt::format("unexpected argument '{}'", without_prefix(e.what())));
  } catch (const CLI::ParseError& e) {
    return usage_error(e.what());
  }
  const int code = action ? action() : kExitUsage;
  if (output_arrived()) return code;
  print_error("standard output could not be written");
  return code == kExitOk ? kExitError : code;
}

}  // namespace

int run_command_line(std::vector<std::string> arguments, const std::vector<AddCommand>& commands) {
  CLI::App app("Runs GGUF language models.", "ix");
  app.set_version_flag("--version", "ix " IX_VERSION, "Print the version");
  app.set_help_flag("-h,--help", "Print this help");
  // As with llama.cpp, the last of several is meant.
  app.option_defaults()->multi_option_policy(CLI::MultiOptionPolicy::TakeLast);
  app.footer(
      "Examples:\n"
      "  ix run -m model.gguf                               chat in the terminal\n"
      "  ix run -m model.gguf -p \"Why is the sky blue?\"     one answer\n"
      "  cat notes.txt | ix run -m model.gguf --json        one JSON object\n"
      "  echo -n \"Hello\" | ix tokenize -m model.gguf        text to ids\n"
      "  ix detokenize -m model.gguf 9259 1902              ids to text\n"
      "  ix inspect model.gguf                              what is in a file\n"
      "  ix bench -m model.gguf                             how fast it runs here\n"
      "  ix compile model.gguf                              programs for AWS Inferentia2\n"
      "  ix cache list                                      what was compiled\n"
      "  ix doctor                                          what this machine has\n"
      "  ix synth llama-2-7b -o 7b.gguf                     a file of random weights\n"
      "\nix COMMAND --help says more. Exit codes: 0 done, 1 something failed, 2 wrong usage.");
  Action action;
  for (const AddCommand add : commands) add(Command(app, action));
  if (Status status = check_command(app, arguments); !status.ok()) {
    return usage_error(status.message());
  }
  // A command, and the commands inside it.
  CLI::App* command = &app;
  std::string full_name = "ix";
  size_t words = 0;
  for (; words < arguments.size(); ++words) {
    CLI::App* inner = find_command(*command, arguments[words]);
    if (inner == nullptr) break;
    command = inner;
    full_name += " " + arguments[words];
  }
  if (words > 0) {
    auto known = known_flags(*command, full_name, std::span(arguments).subspan(words));
    if (!known.ok()) return usage_error(known.status().message());
    arguments.resize(words);
    arguments.insert(arguments.end(), known->begin(), known->end());
  }
  return parse_and_run(app, std::move(arguments), action);
}

}  // namespace ix::cli
