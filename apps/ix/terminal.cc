#include "terminal.h"

#include <unistd.h>

#include <cstdio>
#include <iostream>

namespace ix::cli {

bool stdin_is_terminal() { return isatty(STDIN_FILENO) != 0; }
bool stdout_is_terminal() { return isatty(STDOUT_FILENO) != 0; }
bool stderr_is_terminal() { return isatty(STDERR_FILENO) != 0; }

void print_error(std::string_view message) {
  std::string line = "ix: ";
  for (const char c : message) {
    line += static_cast<unsigned char>(c) < 0x20 || c == 0x7F ? ' ' : c;
  }
  line += '\n';
  std::fflush(stdout);
  std::fwrite(line.data(), 1, line.size(), stderr);
}

void print_warning(std::string_view message) { print_error("warning: " + std::string(message)); }

int report_failure(const Status& status) {
  const bool usage = status.code() == StatusCode::invalid_argument;
  const bool interrupted = status.code() == StatusCode::cancelled;
  return report_error(status, usage ? kExitUsage : interrupted ? kExitInterrupt : kExitError);
}

bool output_arrived() {
  return std::fflush(stdout) == 0 && std::ferror(stdout) == 0 && std::cout.flush().good();
}

std::string printable(std::string_view text) {
  std::string out;
  out.reserve(text.size());
  for (size_t i = 0; i < text.size(); ++i) {
    const auto c = static_cast<unsigned char>(text[i]);
    // C1 controls are two bytes in UTF-8: C2 80 to C2 9F.
    const bool c1 = c == 0xC2 && i + 1 < text.size() &&
                    static_cast<unsigned char>(text[i + 1]) >= 0x80 &&
                    static_cast<unsigned char>(text[i + 1]) < 0xA0;
    if (c1 || (c < 0x20 && c != '\n' && c != '\t') || c == 0x7F) {
      out += "\xEF\xBF\xBD";
      i += c1 ? 1 : 0;
    } else {
      out += text[i];
    }
  }
  return out;
}

void print_text(std::string_view text) {
  if (stdout_is_terminal()) {
    const std::string shown = printable(text);
    std::fwrite(shown.data(), 1, shown.size(), stdout);
  } else {
    std::fwrite(text.data(), 1, text.size(), stdout);
  }
  std::fflush(stdout);
}

}  // namespace ix::cli
