// Dots, reductions and sorts.
#include <algorithm>
#include <numeric>

#include "doctor/operation_case.h"

namespace ix::cli::doctor {

using backend::xla::hlo::Reduction;
using backend::xla::hlo::SortOrder;

namespace {

constexpr int64_t kRows = 4;
constexpr int64_t kColumns = 8;
constexpr int64_t kWidth = 3;  // of the right operand of a dot

// x [4, 8] @ w [8, 3]
OperationCase dot_case(const OpSignature& signature, ElementType type, ElementType result) {
  return {signature,
          [=](CaseProgram& p) {
            return p.builder().matmul(p.input(Pattern::halves, type),
                                      p.input(Pattern::quarters, type, {kColumns, kWidth}), result);
          },
          [=](const CaseInputs& in) {
            const Values x = in.input(Pattern::halves, type);
            const Values w = in.input(Pattern::quarters, type, {kColumns, kWidth});
            Values out;
            for (int64_t row = 0; row < kRows; ++row) {
              for (int64_t col = 0; col < kWidth; ++col) {
                double sum = 0;
                for (int64_t k = 0; k < kColumns; ++k) {
                  sum += x[static_cast<size_t>(row * kColumns + k)] *
                         w[static_cast<size_t>(k * kWidth + col)];
                }
                out.push_back(sum);
              }
            }
            return out;
          },
          last_place(result)};
}

OperationCase reduce_case(const OpSignature& signature, ElementType type) {
  const Reduction reduction = signature.calls == "add"       ? Reduction::add
                              : signature.calls == "maximum" ? Reduction::max
                                                             : Reduction::min;
  return {signature,
          [=](CaseProgram& p) {
            return p.builder().reduce(reduction, p.input(Pattern::halves, type), {1});
          },
          [=](const CaseInputs& in) {
            const Values x = in.input(Pattern::halves, type);
            Values out;
            for (auto row = x.begin(); row != x.end(); row += kColumns) {
              const auto end = row + kColumns;
              out.push_back(reduction == Reduction::add   ? std::accumulate(row, end, 0.0)
                            : reduction == Reduction::max ? *std::max_element(row, end)
                                                          : *std::min_element(row, end));
            }
            return out;
          },
          kExact};
}

// Which column comes where when each row falls.
Values falling_order(const Values& keys) {
  Values order;
  for (int64_t row = 0; row < kRows; ++row) {
    std::vector<int64_t> columns(kColumns);
    std::iota(columns.begin(), columns.end(), 0);
    std::ranges::sort(columns, [&](int64_t a, int64_t b) {
      return keys[static_cast<size_t>(row * kColumns + a)] >
             keys[static_cast<size_t>(row * kColumns + b)];
    });
    order.insert(order.end(), columns.begin(), columns.end());
  }
  return order;
}

Values in_order(const Values& values, const Values& order) {
  Values out;
  for (size_t i = 0; i < values.size(); ++i) {
    const size_t row = i / static_cast<size_t>(kColumns) * static_cast<size_t>(kColumns);
    out.push_back(values[row + static_cast<size_t>(order[i])]);
  }
  return out;
}

// Keys alone, or with what moves along; `part` of the results is looked at.
OperationCase sort_case(const OpSignature& signature, ElementType key,
                        std::optional<ElementType> along, size_t part) {
  return {signature,
          [=](CaseProgram& p) {
            std::vector<Op> operands = {p.input(Pattern::halves, key)};
            if (along) operands.push_back(p.input(Pattern::quarters, *along));
            return p.builder().sort(operands, 1, SortOrder::descending)[part];
          },
          [=](const CaseInputs& in) {
            const Values keys = in.input(Pattern::halves, key);
            return in_order(part == 0 ? keys : in.input(Pattern::quarters, *along),
                            falling_order(keys));
          },
          kExact};
}

// Of a sort's tuple where a sort can give the type.
OperationCase element_case(const OpSignature& signature, ElementType type) {
  if (is_float(type)) return sort_case(signature, type, ElementType::s32, 0);
  if (type == ElementType::s32) return sort_case(signature, ElementType::f32, type, 1);
  return {
      signature,
      [=](CaseProgram& p) { return p.builder().through_tuple(p.input(Pattern::positive, type)); },
      [=](const CaseInputs& in) { return in.input(Pattern::positive, type); }, kExact};
}

}  // namespace

std::optional<OperationCase> products_case(const OpSignature& signature) {
  const auto result = parse_element_type(signature.result);
  if (signature.opcode == "get-tuple-element" && result) return element_case(signature, *result);
  if (signature.operands.empty()) return std::nullopt;
  const auto type = parse_element_type(signature.operands.front());
  if (!type) return std::nullopt;
  if (signature.opcode == "dot" && result) return dot_case(signature, *type, *result);
  if (signature.opcode == "reduce") return reduce_case(signature, *type);
  if (signature.opcode == "sort") {
    if (signature.operands.size() == 1) return sort_case(signature, *type, std::nullopt, 0);
    return sort_case(signature, *type, parse_element_type(signature.operands[1]), 1);
  }
  return std::nullopt;
}

}  // namespace ix::cli::doctor
