#include "doctor/operation_case.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <array>

#include "base/check.h"

namespace ix::cli::doctor {

using backend::xla::hlo::Comparison;
using backend::xla::hlo::OpSignatures;

namespace {

constexpr std::array kFamilies = {elementwise_case, values_case,   layout_case,
                                  products_case,    indexing_case, cores_case};

const char* to_text(Pattern pattern) {
  switch (pattern) {
    case Pattern::halves:
      return "halves";
    case Pattern::quarters:
      return "quarters";
    case Pattern::thirds:
      return "thirds";
    case Pattern::whole:
      return "whole";
    case Pattern::positive:
      return "positive";
    case Pattern::rows:
      return "rows";
    case Pattern::start:
      return "start";
  }
  return "";
}

// Element i of an input. 5 and 3 are odd: neighbours run through all sixteen values. Rows are
// shifted against each other, so that some numbers of two inputs are equal.
double pattern_value(Pattern pattern, ElementType type, int64_t i, int rank) {
  const bool floats = is_float(type);
  const auto risen = static_cast<double>((i * 5 + i / 8 + rank) % 16);
  const auto counted = static_cast<double>((i * 3) % 16 + 1);
  const double lowest = is_signed(type) ? -8 : 0;
  switch (pattern) {
    case Pattern::halves:
      return (risen + lowest) * (floats ? 0.5 : 1);
    case Pattern::quarters:
      return counted * (floats ? 0.25 : 1);
    case Pattern::thirds:
      return (static_cast<double>(i % 32) - 15.5) / 3;
    case Pattern::whole:
      return risen + lowest;
    case Pattern::positive:
      return counted;
    case Pattern::rows:
      return i % 2 == 0 ? 3 : 1;
    case Pattern::start:
      return 2;
  }
  return 0;
}

constexpr double kFlagBorder = 8;

}  // namespace

HostArray input_values(Pattern pattern, ElementType type, const Dims& dims, int rank) {
  HostArray array{{type, dims}, {}};
  const int64_t count = element_count(array.shape);
  for (int64_t i = 0; i < count; ++i) {
    array.values.push_back(pattern_value(pattern, type, i, rank));
  }
  return rounded(array);
}

Op CaseProgram::input(Pattern pattern, ElementType type, const Dims& dims) {
  const Shape shape{type, dims};
  for (const Input& known : inputs_) {
    if (known.pattern == pattern && known.shape == shape) return known.op;
  }
  const Op op = builder_.parameter(
      fmt::format("{}_{}_{}", to_text(pattern), to_text(type), fmt::join(dims, "x")), shape);
  inputs_.push_back({pattern, shape, op});
  return op;
}

Op CaseProgram::flags(bool second, const Dims& dims) {
  if (second) {
    return builder_.compare(Comparison::gt, input(Pattern::positive, ElementType::s32, dims),
                            kFlagBorder);
  }
  return builder_.compare(Comparison::gt, input(Pattern::whole, ElementType::s32, dims), 0);
}

void CaseProgram::output(Op value) {
  const bool flags = builder_.shape(value).type == ElementType::pred;
  builder_.output(fmt::format("r{}", outputs_++),
                  flags ? builder_.convert(value, ElementType::s32) : value);
}

HostArrays CaseProgram::inputs(int rank) const {
  HostArrays arrays;
  for (const Input& input : inputs_) {
    arrays.push_back(input_values(input.pattern, input.shape.type, input.shape.dims, rank));
  }
  return arrays;
}

Values CaseInputs::input(Pattern pattern, ElementType type, const Dims& dims) const {
  return input_values(pattern, type, dims, rank_).values;
}

Values CaseInputs::flags(bool second, const Dims& dims) const {
  Values values = input(second ? Pattern::positive : Pattern::whole, ElementType::s32, dims);
  for (double& value : values) value = value > (second ? kFlagBorder : 0) ? 1 : 0;
  return values;
}

Tolerance last_place(ElementType type) {
  switch (type) {
    case ElementType::bf16:
      return {0x1p-7};
    case ElementType::f16:
      return {0x1p-10};
    case ElementType::f32:
      return {0x1p-22};
    default:
      return kExact;
  }
}

Tolerance approximate(ElementType type) {
  switch (type) {
    case ElementType::bf16:
      return {0x1p-6};
    case ElementType::f16:
      return {0x1p-8};
    default:
      return {0x1p-10};
  }
}

std::string name_of(const OpSignature& signature) {
  std::string name = to_text(signature);
  if (!signature.direction.empty()) name += " " + signature.direction;
  if (!signature.calls.empty()) name += " with " + signature.calls;
  return name;
}

std::vector<OperationCase> cases_of(Family family) {
  std::vector<OperationCase> cases;
  for (const OpSignature& signature : OpSignatures::neuron().all()) {
    auto made = kFamilies[static_cast<size_t>(family)](signature);
    if (made) cases.push_back(*std::move(made));
  }
  return cases;
}

}  // namespace ix::cli::doctor
