// Where values come from, and conversions between types.
#include "doctor/operation_case.h"

namespace ix::cli::doctor {
namespace {

// The input itself, through a copy.
OperationCase copy_case(const OpSignature& signature, ElementType type) {
  return {signature,
          [=](CaseProgram& p) {
            return p.builder().copy(type == ElementType::pred ? p.flags()
                                                              : p.input(Pattern::halves, type));
          },
          [=](const CaseInputs& in) {
            return type == ElementType::pred ? in.flags() : in.input(Pattern::halves, type);
          },
          kExact};
}

// Scalars, because not every type can be broadcast.
OperationCase constant_case(const OpSignature& signature, ElementType type) {
  const double value = type == ElementType::pred ? 1 : is_float(type) ? 0.375 : 100;
  return {signature,
          [=](CaseProgram& p) { return p.builder().reshape(p.builder().scalar(type, value), {1}); },
          [=](const CaseInputs&) { return Values{value}; }, kExact};
}

OperationCase iota_case(const OpSignature& signature, ElementType type) {
  return {signature,
          [=](CaseProgram& p) {
            return p.builder().iota({type, kExtents}, 1);
          },
          [](const CaseInputs&) {
            Values values;
            for (int64_t i = 0; i < kExtents[0] * kExtents[1]; ++i) {
              values.push_back(static_cast<double>(i % kExtents[1]));
            }
            return values;
          },
          kExact};
}

// Whole numbers between floats and integers: programs convert no others, and devices differ in how
// they round them.
OperationCase convert_case(const OpSignature& signature, ElementType from, ElementType to) {
  if (from == ElementType::pred) {
    return {signature, [=](CaseProgram& p) { return p.builder().convert(p.flags(), to); },
            [](const CaseInputs& in) { return in.flags(); }, kExact};
  }
  const bool floats = is_float(from) && is_float(to);
  const Pattern pattern = floats                             ? Pattern::thirds
                          : is_signed(from) && is_signed(to) ? Pattern::whole
                                                             : Pattern::positive;
  return {signature,
          [=](CaseProgram& p) { return p.builder().convert(p.input(pattern, from), to); },
          [=](const CaseInputs& in) { return in.input(pattern, from); },
          floats ? last_place(to) : kExact};
}

}  // namespace

std::optional<OperationCase> values_case(const OpSignature& signature) {
  const auto result = parse_element_type(signature.result);
  // Every program ends in a tuple of its results.
  if (signature.opcode == "tuple") return copy_case(signature, ElementType::f32);
  if (!result) return std::nullopt;
  if (signature.opcode == "parameter" || signature.opcode == "copy") {
    return copy_case(signature, *result);
  }
  if (signature.opcode == "constant") return constant_case(signature, *result);
  if (signature.opcode == "iota") return iota_case(signature, *result);
  if (signature.opcode == "convert") {
    const auto from = parse_element_type(signature.operands.front());
    if (from) return convert_case(signature, *from, *result);
  }
  return std::nullopt;
}

}  // namespace ix::cli::doctor
