// Cases as programs: put together, taken apart where a compiler refuses, run and compared.
#pragma once

#include <span>
#include <string>
#include <vector>

#include "backend/xla/runtime.h"
#include "base/function_ref.h"
#include "doctor/operation_case.h"

namespace ix::cli::doctor {

using CaseIndices = std::vector<size_t>;  // into a family's cases

// One program of the cases at `indices`. Names hold letters, digits and underscores.
struct BuiltCases {
  Module module;
  std::vector<HostArrays> inputs;  // [ranks]
};
Result<BuiltCases> build_cases(const std::string& family, std::span<const OperationCase> cases,
                               std::span<const size_t> indices, int ranks);

struct RefusedCase {
  size_t index;
  std::string why;
};
struct SplitCases {
  std::vector<CaseIndices> accepted;  // a program each
  std::vector<RefusedCase> refused;
  CaseIndices untried;  // after too many refusals, or where it is no fault of an operation
  Status stopped;       // why, where there are untried ones
};

// Asks whether all together are taken, and halves what is not, until each refused case stands
// alone. Gives up after eight, and on errors that no operation causes.
SplitCases split_cases(const CaseIndices& all, FunctionRef<Status(const CaseIndices&)> accept);

struct WrongCase {
  size_t index;
  std::string expected;
  std::string got;
};

// Where results[rank][output] of the cases at `indices` are not what they must be.
std::vector<WrongCase> wrong_cases(std::span<const OperationCase> cases,
                                   std::span<const size_t> indices,
                                   const std::vector<HostArrays>& results);

// Where `got` first is not what it must be; nothing where it nowhere is.
struct Mismatch {
  size_t element;
  double expected;
  double got;
};
std::optional<Mismatch> first_mismatch(std::span<const double> expected,
                                       std::span<const double> got, Tolerance tolerance);

}  // namespace ix::cli::doctor
