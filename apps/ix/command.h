// Commands and their flags, apart from the library that parses them.
#pragma once

#include <functional>
#include <string>
#include <vector>

namespace CLI {
class App;
class Option;
}  // namespace CLI

namespace ix::cli {

// What the chosen command does; returns the exit code.
using Action = std::function<int()>;

// What is wrong with the text of a value, as one line; "" = nothing.
using Check = std::function<std::string(const std::string& text)>;

// A handle of a flag or a positional argument; the last of several values is meant.
class Flag {
 public:
  explicit Flag(CLI::Option& option) : option_(&option) {}

  Flag check(Check check) const;
  Flag one_of(std::vector<std::string> words) const;
  Flag required() const;
  // Help says the value that the variable has now.
  Flag show_default() const;
  // Help lists the flag below this title.
  Flag group(const std::string& title) const;
  // All of several values are meant. Of a vector: without it, a flag takes every word after it.
  Flag repeatable() const;
  // The flag may come without its value.
  Flag optional_value() const;

  // After parsing.
  bool given() const;

 private:
  CLI::Option* option_;
};

// A handle of a command, or of the program.
class Command {
 public:
  // chosen becomes the action of the command that the command line names; both outlive this.
  Command(CLI::App& app, Action& chosen) : app_(&app), chosen_(&chosen) {}

  Command add_command(const std::string& name, const std::string& help) const;

  // names: "-m,--model", or "file" for a positional argument. Parsing writes to value. Value is a
  // std::string, int, int64_t or float, a std::optional<std::string>, or a
  // std::vector<std::string>.
  template <typename Value>
  Flag option(const std::string& names, Value& value, const std::string& help) const;
  // A flag without a value.
  Flag flag(const std::string& names, bool& value, const std::string& help) const;

  // Help ends with it.
  void footer(const std::string& text) const;
  // Not taken where the command line names a command inside this one.
  void action(Action action) const;

 private:
  CLI::App* app_;
  Action* chosen_;
};

}  // namespace ix::cli
