// Operations that move elements without computing.
#include <string_view>

#include "doctor/operation_case.h"

namespace ix::cli::doctor {
namespace {

constexpr int64_t kRows = 4;
constexpr int64_t kColumns = 8;

Op input(CaseProgram& program, ElementType type, const Dims& dims = kExtents) {
  return type == ElementType::pred ? program.flags(false, dims)
                                   : program.input(Pattern::halves, type, dims);
}

Values input(const CaseInputs& inputs, ElementType type, const Dims& dims = kExtents) {
  return type == ElementType::pred ? inputs.flags(false, dims)
                                   : inputs.input(Pattern::halves, type, dims);
}

// [rows, cols] of element(row, column).
template <typename Element>
Values filled(int64_t rows, int64_t cols, const Element& element) {
  Values out;
  for (int64_t row = 0; row < rows; ++row) {
    for (int64_t col = 0; col < cols; ++col) out.push_back(element(row, col));
  }
  return out;
}

double at(const Values& values, int64_t row, int64_t col) {
  return values[static_cast<size_t>(row * kColumns + col)];
}

OperationCase broadcast_case(const OpSignature& signature, ElementType type) {
  return {signature,
          [=](CaseProgram& p) {
            return p.builder().broadcast(input(p, type, {kColumns}), kExtents, {1});
          },
          [=](const CaseInputs& in) {
            const Values row = input(in, type, {kColumns});
            return filled(kRows, kColumns,
                          [&](int64_t, int64_t col) { return row[static_cast<size_t>(col)]; });
          },
          kExact};
}

OperationCase reshape_case(const OpSignature& signature, ElementType type) {
  return {signature,
          [=](CaseProgram& p) {
            return p.builder().reshape(input(p, type), {2, 2, kColumns});
          },
          [=](const CaseInputs& in) { return input(in, type); }, kExact};
}

OperationCase transpose_case(const OpSignature& signature, ElementType type) {
  return {signature,
          [=](CaseProgram& p) {
            return p.builder().transpose(input(p, type), {1, 0});
          },
          [=](const CaseInputs& in) {
            const Values x = input(in, type);
            return filled(kColumns, kRows,
                          [&](int64_t row, int64_t col) { return at(x, col, row); });
          },
          kExact};
}

OperationCase concatenate_case(const OpSignature& signature, ElementType type) {
  return {signature,
          [=](CaseProgram& p) {
            return p.builder().concatenate({input(p, type), p.input(Pattern::quarters, type)}, 1);
          },
          [=](const CaseInputs& in) {
            const Values left = input(in, type);
            const Values right = in.input(Pattern::quarters, type);
            return filled(kRows, 2 * kColumns, [&](int64_t row, int64_t col) {
              return col < kColumns ? at(left, row, col) : at(right, row, col - kColumns);
            });
          },
          kExact};
}

OperationCase slice_case(const OpSignature& signature, ElementType type) {
  return {signature,
          [=](CaseProgram& p) {
            return p.builder().slice(input(p, type), {1, 1}, {3, kColumns}, {1, 2});
          },
          [=](const CaseInputs& in) {
            const Values x = input(in, type);
            return filled(2, 4,
                          [&](int64_t row, int64_t col) { return at(x, row + 1, 2 * col + 1); });
          },
          kExact};
}

OperationCase pad_case(const OpSignature& signature, ElementType type) {
  constexpr double kPadding = 2;
  return {signature,
          [=](CaseProgram& p) {
            return p.builder().pad(input(p, type), kPadding, {1, 0}, {0, 2});
          },
          [=](const CaseInputs& in) {
            const Values x = input(in, type);
            return filled(kRows + 1, kColumns + 2, [&](int64_t row, int64_t col) {
              return row == 0 || col >= kColumns ? kPadding : at(x, row - 1, col);
            });
          },
          kExact};
}

OperationCase reverse_case(const OpSignature& signature, ElementType type) {
  return {signature, [=](CaseProgram& p) { return p.builder().reverse(input(p, type), {1}); },
          [=](const CaseInputs& in) {
            const Values x = input(in, type);
            return filled(kRows, kColumns,
                          [&](int64_t row, int64_t col) { return at(x, row, kColumns - 1 - col); });
          },
          kExact};
}

struct Maker {
  std::string_view opcode;
  OperationCase (*make)(const OpSignature&, ElementType);
};

constexpr Maker kMakers[] = {{"broadcast", broadcast_case}, {"reshape", reshape_case},
                             {"transpose", transpose_case}, {"concatenate", concatenate_case},
                             {"slice", slice_case},         {"pad", pad_case},
                             {"reverse", reverse_case}};

}  // namespace

std::optional<OperationCase> layout_case(const OpSignature& signature) {
  const auto type = parse_element_type(signature.result);
  if (!type) return std::nullopt;
  for (const Maker& maker : kMakers) {
    if (maker.opcode == signature.opcode) return maker.make(signature, *type);
  }
  return std::nullopt;
}

}  // namespace ix::cli::doctor
