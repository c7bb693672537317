#include "command.h"

#include <CLI/CLI.hpp>
#include <cstdint>
#include <optional>
#include <utility>

namespace ix::cli {

Flag Flag::check(Check check) const {
  option_->check(std::move(check));
  return *this;
}

Flag Flag::one_of(std::vector<std::string> words) const {
  option_->check(CLI::IsMember(std::move(words)));
  return *this;
}

Flag Flag::required() const {
  option_->required();
  return *this;
}

Flag Flag::show_default() const {
  option_->capture_default_str();
  return *this;
}

Flag Flag::group(const std::string& title) const {
  option_->group(title);
  return *this;
}

Flag Flag::repeatable() const {
  option_->expected(1)->take_all()->allow_extra_args(false);
  return *this;
}

Flag Flag::optional_value() const {
  option_->expected(0, 1);
  return *this;
}

bool Flag::given() const { return option_->count() > 0; }

Command Command::add_command(const std::string& name, const std::string& help) const {
  return {*app_->add_subcommand(name, help), *chosen_};
}

template <typename Value>
Flag Command::option(const std::string& names, Value& value, const std::string& help) const {
  return Flag(*app_->add_option(names, value, help));
}

template Flag Command::option(const std::string&, std::string&, const std::string&) const;
template Flag Command::option(const std::string&, int&, const std::string&) const;
template Flag Command::option(const std::string&, int64_t&, const std::string&) const;
template Flag Command::option(const std::string&, float&, const std::string&) const;
template Flag Command::option(const std::string&, std::optional<std::string>&,
                              const std::string&) const;
template Flag Command::option(const std::string&, std::vector<std::string>&,
                              const std::string&) const;

Flag Command::flag(const std::string& names, bool& value, const std::string& help) const {
  return Flag(*app_->add_flag(names, value, help));
}

void Command::footer(const std::string& text) const { app_->footer(text); }

void Command::action(Action action) const {
  // The callbacks of inner commands come first.
  app_->callback([app = app_, chosen = chosen_, action = std::move(action)] {
    if (app->get_subcommands().empty()) *chosen = action;
  });
}

}  // namespace ix::cli
