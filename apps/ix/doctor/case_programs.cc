#include "doctor/case_programs.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>

#include "doctor/bound_program.h"

namespace ix::cli::doctor {
namespace {

constexpr size_t kMostRefusals = 8;

bool may_be_an_operation(StatusCode code) {
  return code != StatusCode::not_found && code != StatusCode::permission_denied &&
         code != StatusCode::cancelled && code != StatusCode::deadline_exceeded &&
         code != StatusCode::resource_exhausted;
}

void split(const CaseIndices& part, FunctionRef<Status(const CaseIndices&)> accept,
           SplitCases& out) {
  const auto leave = [&] { out.untried.insert(out.untried.end(), part.begin(), part.end()); };
  if (!out.stopped.ok()) return leave();
  if (out.refused.size() == kMostRefusals) {
    out.stopped =
        Status(StatusCode::cancelled,
               fmt::format("{} operations were refused: no more were tried", kMostRefusals));
    return leave();
  }
  const Status answer = accept(part);
  if (answer.ok()) {
    out.accepted.push_back(part);
  } else if (!may_be_an_operation(answer.code())) {
    out.stopped = answer;
    leave();
  } else if (part.size() == 1) {
    out.refused.push_back({part.front(), answer.message()});
  } else {
    const auto middle = part.begin() + static_cast<ptrdiff_t>(part.size() / 2);
    split(CaseIndices(part.begin(), middle), accept, out);
    split(CaseIndices(middle, part.end()), accept, out);
  }
}

}  // namespace

Result<BuiltCases> build_cases(const std::string& family, std::span<const OperationCase> cases,
                               std::span<const size_t> indices, int ranks) {
  CaseProgram program(fmt::format("doctor_{}_{}_{}", family, indices.front(), indices.size()),
                      ranks);
  for (const size_t index : indices) {
    program.builder().set_scope(name_of(cases[index].signature));
    program.output(cases[index].emit(program));
  }
  std::vector<HostArrays> inputs =
      of_all_ranks(ranks, [&](int rank) { return program.inputs(rank); });
  IX_ASSIGN_OR_RETURN(auto module, std::move(program).finish());
  return BuiltCases{std::move(module), std::move(inputs)};
}

SplitCases split_cases(const CaseIndices& all, FunctionRef<Status(const CaseIndices&)> accept) {
  SplitCases out;
  split(all, accept, out);
  return out;
}

std::optional<Mismatch> first_mismatch(std::span<const double> expected,
                                       std::span<const double> got, Tolerance tolerance) {
  for (size_t i = 0; i < expected.size(); ++i) {
    const double allowed = tolerance.relative * std::max(1.0, std::fabs(expected[i]));
    // Written so that NaN is off.
    if (!(std::fabs(got[i] - expected[i]) <= allowed)) return Mismatch{i, expected[i], got[i]};
  }
  return std::nullopt;
}

std::vector<WrongCase> wrong_cases(std::span<const OperationCase> cases,
                                   std::span<const size_t> indices,
                                   const std::vector<HostArrays>& results) {
  const int ranks = static_cast<int>(results.size());
  std::vector<WrongCase> wrong;
  for (size_t output = 0; output < indices.size(); ++output) {
    const OperationCase& each = cases[indices[output]];
    for (int rank = 0; rank < ranks; ++rank) {
      const HostArray& got = results[static_cast<size_t>(rank)][output];
      const HostArray expected = rounded({got.shape, each.expect(CaseInputs(rank, ranks))});
      const auto off = first_mismatch(expected.values, got.values, each.tolerance);
      if (!off) continue;
      wrong.push_back(
          {indices[output], fmt::format("{:.7g}", off->expected),
           fmt::format("{:.7g} at element {} of core {}", off->got, off->element, rank)});
      break;
    }
  }
  return wrong;
}

}  // namespace ix::cli::doctor
