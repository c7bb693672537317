#include "backend/neuron/compiler/compiler_errors.h"

#include <fmt/format.h>
#include <signal.h>

#include <vector>

namespace ix::backend::neuron {
namespace {

struct ErrorCode {
  std::string_view code;  // as it stands in the log; the start of it, for a family
  StatusCode status;
  std::string_view meaning;
};

constexpr std::string_view kHostMemory =
    "the compiler was killed for lack of host memory: compile on a machine with more of it and "
    "copy its cache here (IX_NEURON_CACHE), or compile fewer layers a program "
    "(--layers-per-program)";
constexpr std::string_view kTooLarge =
    "the program is too large: compile fewer layers a program (--layers-per-program), or smaller "
    "buckets";
constexpr std::string_view kDeviceMemory =
    "the program needs more than the 16 GB of a core: use more cores (--tp), fewer slots or a "
    "shorter context";
constexpr std::string_view kNotOnThisCore =
    "the program has an operation that the compiler does not take: please report it, with the log";

// Codes of neuronx-cc's documentation and issues, first match wins.
constexpr ErrorCode kCodes[] = {
    {"[F137]", StatusCode::resource_exhausted, kHostMemory},
    {"[F134]", StatusCode::unavailable,
     "the compiler crashed: try another version of neuronx-cc, and report it to AWS with the log"},
    {"NCC_EARG002", StatusCode::unsupported,
     "this version of neuronx-cc does not know one of the options: update neuronx-cc"},
    {"EOOM00", StatusCode::resource_exhausted, kDeviceMemory},
    {"XCG815", StatusCode::resource_exhausted, kDeviceMemory},
    {"EBVF030", StatusCode::resource_exhausted, kTooLarge},
    {"EVRF007", StatusCode::resource_exhausted, kTooLarge},
    {"EXTP004", StatusCode::resource_exhausted, kTooLarge},
    {"EMOD025", StatusCode::unsupported, kNotOnThisCore},
    {"EVRF0", StatusCode::unsupported, kNotOnThisCore},
};

constexpr size_t kLastLines = 20;

const ErrorCode* find_code(std::string_view log) {
  for (const ErrorCode& code : kCodes) {
    if (log.find(code.code) != std::string_view::npos) return &code;
  }
  return nullptr;
}

std::string last_lines(std::string_view log) {
  while (!log.empty() && log.back() == '\n') log.remove_suffix(1);
  if (log.empty()) return "\n  (it wrote nothing)";
  std::vector<std::string_view> lines;
  while (lines.size() < kLastLines) {
    const size_t newline = log.rfind('\n');
    lines.push_back(newline == std::string_view::npos ? log : log.substr(newline + 1));
    if (newline == std::string_view::npos) break;
    log = log.substr(0, newline);
  }
  std::string text;
  for (auto line = lines.rbegin(); line != lines.rend(); ++line) {
    text += fmt::format("\n  {}", *line);
  }
  return text;
}

std::string ending(const ProcessEnd& end) {
  if (end.kind == ProcessEnd::Kind::signalled)
    return fmt::format("was ended by signal {}", end.code);
  if (end.code == 0) return "ended well but wrote no NEFF";
  return fmt::format("ended with exit status {}", end.code);
}

}  // namespace

Status compiler_failure(std::string_view what, const ProcessEnd& end, std::string_view log) {
  switch (end.kind) {
    case ProcessEnd::Kind::cancelled:
      return {StatusCode::cancelled, fmt::format("{}: the compilation was cancelled", what)};
    case ProcessEnd::Kind::timed_out:
      return {StatusCode::deadline_exceeded,
              fmt::format("{}: neuronx-cc was ended at its time limit; raise the limit, or compile "
                          "fewer layers a program (--layers-per-program). Its last lines:{}",
                          what, last_lines(log))};
    default:
      break;
  }
  const ErrorCode* code = find_code(log);
  if (code == nullptr && end.kind == ProcessEnd::Kind::signalled && end.code == SIGKILL) {
    code = &kCodes[0];
  }
  const std::string reason = code != nullptr ? fmt::format(": {}", code->meaning) : std::string();
  return {code != nullptr ? code->status : StatusCode::unavailable,
          fmt::format("{}: neuronx-cc {}{}. Its last lines:{}", what, ending(end), reason,
                      last_lines(log))};
}

}  // namespace ix::backend::neuron
