#include "backend/xla/hlo/shape.h"

#include <fmt/format.h>

#include "base/check.h"

namespace ix::backend::xla::hlo {

bool is_float(ElementType type) {
  return type == ElementType::f16 || type == ElementType::bf16 || type == ElementType::f32 ||
         type == ElementType::f64;
}

bool is_integer(ElementType type) { return !is_float(type) && type != ElementType::pred; }

bool is_signed(ElementType type) {
  return is_float(type) || type == ElementType::s8 || type == ElementType::s16 ||
         type == ElementType::s32 || type == ElementType::s64;
}

int64_t element_bytes(ElementType type) {
  switch (type) {
    case ElementType::pred:
    case ElementType::s8:
    case ElementType::u8:
      return 1;
    case ElementType::s16:
    case ElementType::u16:
    case ElementType::f16:
    case ElementType::bf16:
      return 2;
    case ElementType::s32:
    case ElementType::u32:
    case ElementType::f32:
      return 4;
    case ElementType::s64:
    case ElementType::u64:
    case ElementType::f64:
      return 8;
  }
  IX_CHECK(false);
  return 0;
}

int64_t element_count(const Shape& shape) {
  int64_t count = 1;
  for (const int64_t dim : shape.dims) count *= dim;
  return count;
}

int64_t byte_size(const Shape& shape) { return element_count(shape) * element_bytes(shape.type); }

const char* to_text(ElementType type) {
  switch (type) {
    case ElementType::pred:
      return "pred";
    case ElementType::s8:
      return "s8";
    case ElementType::s16:
      return "s16";
    case ElementType::s32:
      return "s32";
    case ElementType::s64:
      return "s64";
    case ElementType::u8:
      return "u8";
    case ElementType::u16:
      return "u16";
    case ElementType::u32:
      return "u32";
    case ElementType::u64:
      return "u64";
    case ElementType::f16:
      return "f16";
    case ElementType::f32:
      return "f32";
    case ElementType::f64:
      return "f64";
    case ElementType::bf16:
      return "bf16";
  }
  IX_CHECK(false);
  return "";
}

std::string to_text(const Shape& shape) {
  return fmt::format("{}[{}]", to_text(shape.type), fmt::join(shape.dims, ","));
}

}  // namespace ix::backend::xla::hlo
