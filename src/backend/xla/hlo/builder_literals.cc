#include <fmt/format.h>

#include <cmath>
#include <limits>
#include <string>

#include "backend/xla/hlo/builder_state.h"
#include "base/float16.h"

namespace ix::backend::xla::hlo {
namespace {

// 2^bits as a double, exact.
double two_to(int64_t bits) { return std::ldexp(1.0, static_cast<int>(bits)); }

bool is_signed_integer(ElementType type) { return is_integer(type) && is_signed(type); }

bool holds(ElementType type, double value) {
  if (is_float(type)) return true;
  if (type == ElementType::pred) return value == 0 || value == 1;
  const int64_t bits = 8 * element_bytes(type);
  const double low = is_signed_integer(type) ? -two_to(bits - 1) : 0;
  const double end = is_signed_integer(type) ? two_to(bits - 1) : two_to(bits);
  return std::trunc(value) == value && value >= low && value < end;
}

std::string little_endian(uint16_t bits) {
  return {static_cast<char>(bits & 0xff), static_cast<char>(bits >> 8)};
}

}  // namespace

double lowest_value(ElementType type) {
  if (is_float(type)) return -std::numeric_limits<double>::infinity();
  return is_signed_integer(type) ? -two_to(8 * element_bytes(type) - 1) : 0;
}

double highest_value(ElementType type) {
  if (is_float(type)) return std::numeric_limits<double>::infinity();
  if (type == ElementType::pred) return 1;
  return two_to(8 * element_bytes(type) - (is_signed_integer(type) ? 1 : 0)) - 1;
}

Result<ix::hlo::LiteralProto> scalar_literal(ElementType type, double value) {
  if (!holds(type, value)) {
    return invalid_argument(fmt::format("{} is no {}", value, to_text(type)));
  }
  ix::hlo::LiteralProto literal;
  *literal.mutable_shape() = to_proto(Shape{type, {}});
  switch (type) {
    case ElementType::pred:
      literal.add_preds(value != 0);
      break;
    case ElementType::s8:
      literal.set_s8s(std::string(1, static_cast<char>(static_cast<int8_t>(value))));
      break;
    case ElementType::u8:
      literal.set_u8s(std::string(1, static_cast<char>(static_cast<uint8_t>(value))));
      break;
    case ElementType::s16:
      literal.set_s16s(little_endian(static_cast<uint16_t>(static_cast<int16_t>(value))));
      break;
    case ElementType::u16:
      literal.set_u16s(little_endian(static_cast<uint16_t>(value)));
      break;
    case ElementType::s32:
      literal.add_s32s(static_cast<int32_t>(value));
      break;
    case ElementType::u32:
      literal.add_u32s(static_cast<uint32_t>(value));
      break;
    case ElementType::s64:
      literal.add_s64s(static_cast<int64_t>(value));
      break;
    case ElementType::u64:
      literal.add_u64s(static_cast<uint64_t>(value));
      break;
    case ElementType::f16:
      literal.set_f16s(little_endian(float_to_half(static_cast<float>(value))));
      break;
    case ElementType::bf16:
      literal.set_bf16s(little_endian(float_to_bfloat16(static_cast<float>(value))));
      break;
    case ElementType::f32:
      literal.add_f32s(static_cast<float>(value));
      break;
    case ElementType::f64:
      literal.add_f64s(value);
      break;
  }
  return literal;
}

}  // namespace ix::backend::xla::hlo
