// What people see: error lines, and text of models and files that a terminal must not obey.
#pragma once

#include <string>
#include <string_view>

#include "base/status.h"

namespace ix::cli {

// Exit codes of the program.
inline constexpr int kExitOk = 0;
inline constexpr int kExitError = 1;        // something did not work
inline constexpr int kExitUsage = 2;        // the command line or the prompt is wrong
inline constexpr int kExitInterrupt = 130;  // 128 + SIGINT, as shells say it

bool stdin_is_terminal();
bool stdout_is_terminal();
bool stderr_is_terminal();

// One line "ix: message" on stderr, whatever the message holds.
void print_error(std::string_view message);
// The same as "ix: warning: message".
void print_warning(std::string_view message);
inline int report_error(const Status& status, int exit_code = kExitError) {
  print_error(status.message());
  return exit_code;
}

// The same with kExitUsage where the status is invalid_argument (the user's value is wrong) and
// kExitInterrupt where it is cancelled.
int report_failure(const Status& status);

// text without control characters other than newline and tab (they become U+FFFD).
std::string printable(std::string_view text);

// False where anything written to stdout was lost, as on a full disk.
bool output_arrived();

// To stdout at once; as printable() when stdout is a terminal.
void print_text(std::string_view text);

}  // namespace ix::cli
