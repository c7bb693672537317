// Operations whose positions are values, and those between cores.
#include <algorithm>

#include "doctor/operation_case.h"

namespace ix::cli::doctor {

using backend::xla::hlo::Reduction;
using backend::xla::hlo::ScatterKind;

namespace {

constexpr int64_t kRows = 4;
constexpr int64_t kColumns = 8;
const Dims kTwo = {2};
const Dims kUpdate = {2, kColumns};
const Dims kBlock = {2, 3};
constexpr int64_t kStart = 2;  // Pattern::start

size_t place(int64_t row, int64_t col) { return static_cast<size_t>(row * kColumns + col); }

OperationCase gather_case(const OpSignature& signature, ElementType type) {
  return {signature,
          [=](CaseProgram& p) {
            return p.builder().gather_rows(p.input(Pattern::halves, type),
                                           p.input(Pattern::rows, ElementType::s32, kTwo));
          },
          [=](const CaseInputs& in) {
            const Values x = in.input(Pattern::halves, type);
            Values out;
            for (const double row : in.input(Pattern::rows, ElementType::s32, kTwo)) {
              for (int64_t col = 0; col < kColumns; ++col) {
                out.push_back(x[place(static_cast<int64_t>(row), col)]);
              }
            }
            return out;
          },
          kExact};
}

OperationCase scatter_case(const OpSignature& signature, ElementType type, ScatterKind kind) {
  return {signature,
          [=](CaseProgram& p) {
            return p.builder().scatter(p.input(Pattern::halves, type),
                                       p.input(Pattern::rows, ElementType::s32, kTwo),
                                       p.input(Pattern::quarters, type, kUpdate),
                                       {.update_window_dims = {1},
                                        .inserted_window_dims = {0},
                                        .scatter_dims_to_operand_dims = {0},
                                        .index_vector_dim = 1},
                                       kind, true);
          },
          [=](const CaseInputs& in) {
            Values out = in.input(Pattern::halves, type);
            const Values rows = in.input(Pattern::rows, ElementType::s32, kTwo);
            const Values updates = in.input(Pattern::quarters, type, kUpdate);
            for (int64_t i = 0; i < 2; ++i) {
              const auto row = static_cast<int64_t>(rows[static_cast<size_t>(i)]);
              for (int64_t col = 0; col < kColumns; ++col) {
                double& value = out[place(row, col)];
                const double update = updates[place(i, col)];
                value = kind == ScatterKind::add ? value + update : update;
              }
            }
            return out;
          },
          kExact};
}

// Starts of dynamic slices: row 2, column 2.
Op start(CaseProgram& program, ElementType type) {
  return program.builder().reshape(program.input(Pattern::start, type, {1}), {});
}

OperationCase dynamic_slice_case(const OpSignature& signature, ElementType type,
                                 ElementType index) {
  return {signature,
          [=](CaseProgram& p) {
            const Op at = start(p, index);
            return p.builder().dynamic_slice(p.input(Pattern::halves, type), {at, at}, kBlock);
          },
          [=](const CaseInputs& in) {
            const Values x = in.input(Pattern::halves, type);
            Values out;
            for (int64_t row = 0; row < kBlock[0]; ++row) {
              for (int64_t col = 0; col < kBlock[1]; ++col) {
                out.push_back(x[place(kStart + row, kStart + col)]);
              }
            }
            return out;
          },
          kExact};
}

OperationCase dynamic_update_case(const OpSignature& signature, ElementType type,
                                  ElementType index) {
  return {signature,
          [=](CaseProgram& p) {
            const Op at = start(p, index);
            return p.builder().dynamic_update_slice(
                p.input(Pattern::halves, type), p.input(Pattern::quarters, type, kBlock), {at, at});
          },
          [=](const CaseInputs& in) {
            Values out = in.input(Pattern::halves, type);
            const Values update = in.input(Pattern::quarters, type, kBlock);
            for (int64_t row = 0; row < kBlock[0]; ++row) {
              for (int64_t col = 0; col < kBlock[1]; ++col) {
                out[place(kStart + row, kStart + col)] =
                    update[static_cast<size_t>(row * kBlock[1] + col)];
              }
            }
            return out;
          },
          kExact};
}

OperationCase all_reduce_case(const OpSignature& signature, ElementType type) {
  const Reduction reduction = signature.calls == "add"       ? Reduction::add
                              : signature.calls == "maximum" ? Reduction::max
                                                             : Reduction::min;
  return {signature,
          [=](CaseProgram& p) {
            return p.builder().all_reduce(reduction, p.input(Pattern::halves, type));
          },
          [=](const CaseInputs& in) {
            Values out = in.of_rank(0).input(Pattern::halves, type);
            for (int rank = 1; rank < in.ranks(); ++rank) {
              const Values x = in.of_rank(rank).input(Pattern::halves, type);
              for (size_t i = 0; i < out.size(); ++i) {
                out[i] = reduction == Reduction::add   ? out[i] + x[i]
                         : reduction == Reduction::max ? std::max(out[i], x[i])
                                                       : std::min(out[i], x[i]);
              }
            }
            return out;
          },
          kExact};
}

OperationCase all_gather_case(const OpSignature& signature, ElementType type) {
  return {signature,
          [=](CaseProgram& p) { return p.builder().all_gather(p.input(Pattern::halves, type), 0); },
          [=](const CaseInputs& in) {
            Values out;
            for (int rank = 0; rank < in.ranks(); ++rank) {
              const Values x = in.of_rank(rank).input(Pattern::halves, type);
              out.insert(out.end(), x.begin(), x.end());
            }
            return out;
          },
          kExact};
}

}  // namespace

std::optional<OperationCase> indexing_case(const OpSignature& signature) {
  if (signature.operands.size() < 2) return std::nullopt;
  const auto type = parse_element_type(signature.operands.front());
  const auto index = parse_element_type(signature.operands.back());
  if (!type || !index) return std::nullopt;
  if (signature.opcode == "gather") return gather_case(signature, *type);
  if (signature.opcode == "scatter" && signature.calls == "copy") {
    return scatter_case(signature, *type, ScatterKind::assign);
  }
  if (signature.opcode == "scatter" && signature.calls == "parameter") {
    return scatter_case(signature, *type, ScatterKind::assign_parameter);
  }
  if (signature.opcode == "scatter" && signature.calls == "add") {
    return scatter_case(signature, *type, ScatterKind::add);
  }
  if (signature.opcode == "dynamic-slice") return dynamic_slice_case(signature, *type, *index);
  if (signature.opcode == "dynamic-update-slice") {
    return dynamic_update_case(signature, *type, *index);
  }
  return std::nullopt;
}

std::optional<OperationCase> cores_case(const OpSignature& signature) {
  const auto type = parse_element_type(signature.result);
  if (!type) return std::nullopt;
  if (signature.opcode == "all-reduce") return all_reduce_case(signature, *type);
  if (signature.opcode == "all-gather") return all_gather_case(signature, *type);
  return std::nullopt;
}

}  // namespace ix::cli::doctor
