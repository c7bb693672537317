// The list of operations that Neuron's compiler is known to take (op_signatures.tsv).
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"

namespace ix::backend::xla::hlo {

// One operation, by the names of its types: "f32", "tuple".
struct OpSignature {
  std::string opcode;
  std::vector<std::string> operands;
  std::string result;
  std::string direction;  // of a compare, "LT"
  std::string calls;      // the root's opcode of the computation that it calls

  bool operator==(const OpSignature&) const = default;
};

// "sort(f32,s32)->tuple"
std::string to_text(const OpSignature& signature);

struct KnownSignature {
  std::string source;
  bool assumed;  // no program is known that has it
};

class OpSignatures {
 public:
  // The list that is built in.
  static const OpSignatures& neuron();

  // corrupt with the line's number.
  static Result<OpSignatures> parse(std::string_view tsv);

  // Every signature on the list once: a line gives one for each of its types, directions and calls,
  // with one operand for "X*" and f32 for "any".
  std::vector<OpSignature> all() const;

  // The line that holds the signature; one with a source before one that is assumed.
  std::optional<KnownSignature> find(const OpSignature& signature) const;

 private:
  struct Line {
    std::string opcode;
    std::vector<std::string> types;     // what T stands for
    std::vector<std::string> operands;  // "T", "s32*", "any*"
    std::string result;
    std::vector<std::string> directions;  // empty: any
    std::vector<std::string> calls;       // empty: any
    KnownSignature known;
  };

  static bool holds(const Line& line, const OpSignature& signature);
  static bool operands_fit(const Line& line, const std::string& t, const OpSignature& signature);

  std::vector<Line> lines_;
};

}  // namespace ix::backend::xla::hlo
