// Operations that work element by element.
#include <algorithm>
#include <array>
#include <cmath>
#include <string_view>

#include "doctor/operation_case.h"

namespace ix::cli::doctor {

using backend::xla::hlo::Comparison;
using backend::xla::hlo::Operand;

namespace {

struct Unary {
  std::string_view opcode;
  Op (Builder::*emit)(Op);
  double (*value)(double);
  Pattern pattern;
  bool approximate;
};

double sign_of(double x) { return x > 0 ? 1 : x < 0 ? -1 : 0; }
double logistic_of(double x) { return 1 / (1 + std::exp(-x)); }
double rsqrt_of(double x) { return 1 / std::sqrt(x); }
double negated(double x) { return -x; }

constexpr std::array kUnary = {
    Unary{"abs", &Builder::abs, std::fabs, Pattern::halves, false},
    Unary{"floor", &Builder::floor, std::floor, Pattern::thirds, false},
    Unary{"ceil", &Builder::ceil, std::ceil, Pattern::thirds, false},
    Unary{"sign", &Builder::sign, sign_of, Pattern::halves, false},
    Unary{"negate", &Builder::negate, negated, Pattern::halves, false},
    Unary{"exponential", &Builder::exp, std::exp, Pattern::halves, true},
    Unary{"log", &Builder::log, std::log, Pattern::quarters, true},
    Unary{"sqrt", &Builder::sqrt, std::sqrt, Pattern::quarters, true},
    Unary{"rsqrt", &Builder::rsqrt, rsqrt_of, Pattern::quarters, true},
    Unary{"tanh", &Builder::tanh, std::tanh, Pattern::halves, true},
    Unary{"logistic", &Builder::logistic, logistic_of, Pattern::halves, true},
    Unary{"sine", &Builder::sine, std::sin, Pattern::halves, true},
    Unary{"cosine", &Builder::cosine, std::cos, Pattern::halves, true},
};

struct Binary {
  std::string_view opcode;
  Op (Builder::*emit)(Operand, Operand);
  double (*value)(double, double);
  bool approximate;
};

double sum(double x, double y) { return x + y; }
double difference(double x, double y) { return x - y; }
double product(double x, double y) { return x * y; }
double quotient(double x, double y) { return x / y; }
double larger(double x, double y) { return std::max(x, y); }
double smaller(double x, double y) { return std::min(x, y); }
double bits_and(double x, double y) {
  return static_cast<double>(static_cast<int32_t>(x) & static_cast<int32_t>(y));
}
double bits_or(double x, double y) {
  return static_cast<double>(static_cast<int32_t>(x) | static_cast<int32_t>(y));
}
double bits_xor(double x, double y) {
  return static_cast<double>(static_cast<int32_t>(x) ^ static_cast<int32_t>(y));
}

constexpr std::array kBinary = {
    Binary{"add", &Builder::add, sum, false},
    Binary{"subtract", &Builder::subtract, difference, false},
    Binary{"multiply", &Builder::multiply, product, false},
    Binary{"divide", &Builder::divide, quotient, true},
    Binary{"maximum", &Builder::maximum, larger, false},
    Binary{"minimum", &Builder::minimum, smaller, false},
    Binary{"remainder", &Builder::remainder, std::fmod, false},
    Binary{"and", &Builder::bitwise_and, bits_and, false},
    Binary{"or", &Builder::bitwise_or, bits_or, false},
    Binary{"xor", &Builder::bitwise_xor, bits_xor, false},
};

struct Direction {
  std::string_view name;
  Comparison comparison;
  bool (*holds)(double, double);
};

constexpr std::array kDirections = {
    Direction{"EQ", Comparison::eq, [](double x, double y) { return x == y; }},
    Direction{"NE", Comparison::ne, [](double x, double y) { return x != y; }},
    Direction{"LT", Comparison::lt, [](double x, double y) { return x < y; }},
    Direction{"LE", Comparison::le, [](double x, double y) { return x <= y; }},
    Direction{"GT", Comparison::gt, [](double x, double y) { return x > y; }},
    Direction{"GE", Comparison::ge, [](double x, double y) { return x >= y; }},
};

// Two operands of the type that is compared or joined.
Op operand(CaseProgram& program, ElementType type, bool second) {
  if (type == ElementType::pred) return program.flags(second);
  return program.input(second ? Pattern::quarters : Pattern::halves, type);
}

Values operand(const CaseInputs& inputs, ElementType type, bool second) {
  if (type == ElementType::pred) return inputs.flags(second);
  return inputs.input(second ? Pattern::quarters : Pattern::halves, type);
}

template <typename Function>
Values joined(const Values& a, const Values& b, const Function& function) {
  Values out;
  for (size_t i = 0; i < a.size(); ++i) out.push_back(function(a[i], b[i]));
  return out;
}

OperationCase unary_case(const OpSignature& signature, const Unary& unary, ElementType type) {
  return {signature,
          [=](CaseProgram& p) { return (p.builder().*unary.emit)(p.input(unary.pattern, type)); },
          [=](const CaseInputs& in) {
            Values values = in.input(unary.pattern, type);
            for (double& value : values) value = unary.value(value);
            return values;
          },
          unary.approximate ? approximate(type) : kExact};
}

OperationCase binary_case(const OpSignature& signature, const Binary& binary, ElementType type) {
  return {signature,
          [=](CaseProgram& p) {
            return (p.builder().*binary.emit)(operand(p, type, false), operand(p, type, true));
          },
          [=](const CaseInputs& in) {
            return joined(operand(in, type, false), operand(in, type, true),
                          [&](double x, double y) {
                            const double value = binary.value(x, y);
                            return is_float(type) ? value : std::trunc(value);
                          });
          },
          binary.approximate && is_float(type) ? approximate(type) : kExact};
}

OperationCase compare_case(const OpSignature& signature, const Direction& direction,
                           ElementType type) {
  return {signature,
          [=](CaseProgram& p) {
            return p.builder().compare(direction.comparison, operand(p, type, false),
                                       operand(p, type, true));
          },
          [=](const CaseInputs& in) {
            return joined(operand(in, type, false), operand(in, type, true),
                          [&](double x, double y) { return direction.holds(x, y) ? 1.0 : 0.0; });
          },
          kExact};
}

OperationCase power_case(const OpSignature& signature, ElementType type) {
  return {signature,
          [=](CaseProgram& p) {
            return p.builder().power(p.input(Pattern::quarters, type),
                                     p.input(Pattern::halves, type));
          },
          [=](const CaseInputs& in) {
            return joined(in.input(Pattern::quarters, type), in.input(Pattern::halves, type),
                          [](double x, double y) { return std::pow(x, y); });
          },
          approximate(type)};
}

OperationCase not_case(const OpSignature& signature) {
  return {signature, [](CaseProgram& p) { return p.builder().bitwise_not(p.flags()); },
          [](const CaseInputs& in) {
            Values values = in.flags();
            for (double& value : values) value = 1 - value;
            return values;
          },
          kExact};
}

OperationCase select_case(const OpSignature& signature, ElementType type) {
  return {signature,
          [=](CaseProgram& p) {
            return p.builder().select(p.flags(true), p.input(Pattern::halves, type),
                                      p.input(Pattern::quarters, type));
          },
          [=](const CaseInputs& in) {
            const Values flags = in.flags(true);
            const Values yes = in.input(Pattern::halves, type);
            Values out = in.input(Pattern::quarters, type);
            for (size_t i = 0; i < out.size(); ++i) out[i] = flags[i] != 0 ? yes[i] : out[i];
            return out;
          },
          kExact};
}

OperationCase clamp_case(const OpSignature& signature, ElementType type) {
  return {
      signature,
      [=](CaseProgram& p) { return p.builder().clamp(-2.0, p.input(Pattern::halves, type), 3.0); },
      [=](const CaseInputs& in) {
        Values values = in.input(Pattern::halves, type);
        for (double& value : values) value = std::clamp(value, -2.0, 3.0);
        return values;
      },
      kExact};
}

}  // namespace

std::optional<OperationCase> elementwise_case(const OpSignature& signature) {
  const auto is = [&](const auto& row) { return row.opcode == signature.opcode; };
  const ElementType type =
      signature.operands.empty()
          ? ElementType::f32
          : parse_element_type(signature.operands.back()).value_or(ElementType::f32);
  if (const auto* row = std::ranges::find_if(kUnary, is); row != kUnary.end()) {
    return unary_case(signature, *row, type);
  }
  if (const auto* row = std::ranges::find_if(kBinary, is); row != kBinary.end()) {
    return binary_case(signature, *row, type);
  }
  if (signature.opcode == "compare") {
    const auto* row = std::ranges::find(kDirections, signature.direction, &Direction::name);
    if (row != kDirections.end()) return compare_case(signature, *row, type);
  }
  if (signature.opcode == "power") return power_case(signature, type);
  if (signature.opcode == "not") return not_case(signature);
  if (signature.opcode == "select") return select_case(signature, type);
  if (signature.opcode == "clamp") return clamp_case(signature, type);
  return std::nullopt;
}

}  // namespace ix::cli::doctor
