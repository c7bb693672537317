#include "backend/xla/hlo/op_signatures.h"

#include <fmt/format.h>

#include <algorithm>

#include "backend/xla/hlo/op_signatures_tsv.h"
#include "base/check.h"

namespace ix::backend::xla::hlo {
namespace {

// The parts between separators; none of an empty text or "-".
std::vector<std::string> split(std::string_view text, char separator) {
  std::vector<std::string> parts;
  if (text.empty() || text == "-") return parts;
  for (size_t start = 0; start <= text.size();) {
    const size_t end = std::min(text.find(separator, start), text.size());
    parts.emplace_back(text.substr(start, end - start));
    start = end + 1;
  }
  return parts;
}

bool contains(const std::vector<std::string>& values, const std::string& value) {
  return std::ranges::find(values, value) != values.end();
}

bool type_fits(std::string_view pattern, const std::string& t, const std::string& type) {
  return pattern == "any" || (pattern == "T" ? t : pattern) == type;
}

}  // namespace

std::string to_text(const OpSignature& signature) {
  return fmt::format("{}({})->{}", signature.opcode, fmt::join(signature.operands, ","),
                     signature.result);
}

const OpSignatures& OpSignatures::neuron() {
  static const OpSignatures kList = [] {
    Result<OpSignatures> list = parse(kOpSignaturesTsv);
    IX_CHECK(list.ok());
    return *std::move(list);
  }();
  return kList;
}

Result<OpSignatures> OpSignatures::parse(std::string_view tsv) {
  constexpr std::string_view kAssumed = "assumed: ";
  OpSignatures list;
  int number = 0;
  for (const std::string& text : split(tsv, '\n')) {
    ++number;
    if (text.empty() || text.front() == '#') continue;
    const std::vector<std::string> columns = split(text, '\t');
    if (columns.size() != 6 || columns[0].empty() || columns[5].empty()) {
      return corrupt(
          fmt::format("line {} of the signatures has {} columns", number, columns.size()));
    }
    Line line{columns[0],
              split(columns[1], ' '),
              split(columns[2], ','),
              columns[3],
              {},
              {},
              {columns[5], columns[5].starts_with(kAssumed)}};
    if (line.known.assumed) line.known.source = columns[5].substr(kAssumed.size());
    // A line without T is tried once.
    if (line.types.empty()) line.types.emplace_back();
    for (const std::string& attribute : split(columns[4], ' ')) {
      const size_t equals = attribute.find('=');
      const std::string key = attribute.substr(0, equals);
      if (equals == std::string::npos || (key != "direction" && key != "calls")) {
        return corrupt(fmt::format("line {} of the signatures: attribute {}", number, attribute));
      }
      (key == "calls" ? line.calls : line.directions) = split(attribute.substr(equals + 1), '|');
    }
    list.lines_.push_back(std::move(line));
  }
  return list;
}

std::vector<OpSignature> OpSignatures::all() const {
  // What is written where an attribute may be anything.
  const std::vector<std::string> none = {""};
  std::vector<OpSignature> signatures;
  for (const Line& line : lines_) {
    for (const std::string& t : line.types) {
      const auto type_of = [&t](std::string pattern) {
        if (pattern.back() == '*') pattern.pop_back();
        if (pattern == "T") return t;
        return pattern == "any" ? std::string("f32") : pattern;
      };
      OpSignature signature{line.opcode, {}, type_of(line.result), "", ""};
      for (const std::string& operand : line.operands) {
        signature.operands.push_back(type_of(operand));
      }
      for (const std::string& direction : line.directions.empty() ? none : line.directions) {
        for (const std::string& calls : line.calls.empty() ? none : line.calls) {
          signature.direction = direction;
          signature.calls = calls;
          if (std::ranges::find(signatures, signature) == signatures.end()) {
            signatures.push_back(signature);
          }
        }
      }
    }
  }
  return signatures;
}

bool OpSignatures::operands_fit(const Line& line, const std::string& t,
                                const OpSignature& signature) {
  size_t next = 0;
  for (const std::string& pattern : line.operands) {
    if (pattern.back() == '*') {
      const std::string_view repeated = std::string_view(pattern).substr(0, pattern.size() - 1);
      while (next < signature.operands.size() && type_fits(repeated, t, signature.operands[next])) {
        ++next;
      }
    } else {
      if (next == signature.operands.size() || !type_fits(pattern, t, signature.operands[next])) {
        return false;
      }
      ++next;
    }
  }
  return next == signature.operands.size();
}

bool OpSignatures::holds(const Line& line, const OpSignature& signature) {
  if (line.opcode != signature.opcode) return false;
  if (!line.directions.empty() && !contains(line.directions, signature.direction)) return false;
  if (!line.calls.empty() && !contains(line.calls, signature.calls)) return false;
  return std::ranges::any_of(line.types, [&](const std::string& t) {
    return type_fits(line.result, t, signature.result) && operands_fit(line, t, signature);
  });
}

std::optional<KnownSignature> OpSignatures::find(const OpSignature& signature) const {
  std::optional<KnownSignature> assumed;
  for (const Line& line : lines_) {
    if (!holds(line, signature)) continue;
    if (!line.known.assumed) return line.known;
    assumed = line.known;
  }
  return assumed;
}

}  // namespace ix::backend::xla::hlo
