// Element types and array shapes of HLO.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <vector>

namespace ix::backend::xla::hlo {

// Values are those of xla.PrimitiveType.
enum class ElementType : uint8_t {
  pred = 1,
  s8 = 2,
  s16 = 3,
  s32 = 4,
  s64 = 5,
  u8 = 6,
  u16 = 7,
  u32 = 8,
  u64 = 9,
  f16 = 10,
  f32 = 11,
  f64 = 12,
  bf16 = 16,
};

// A dense array, row-major: dims[0] is the slowest. No dims = a scalar.
struct Shape {
  ElementType type = ElementType::f32;
  std::vector<int64_t> dims;

  int64_t rank() const { return static_cast<int64_t>(dims.size()); }
  bool operator==(const Shape&) const = default;
};

bool is_float(ElementType type);
bool is_integer(ElementType type);  // not pred
bool is_signed(ElementType type);   // floats and signed integers
int64_t element_bytes(ElementType type);
int64_t element_count(const Shape& shape);
int64_t byte_size(const Shape& shape);

// XLA's names: "bf16", and "bf16[2,128]".
const char* to_text(ElementType type);
std::string to_text(const Shape& shape);

}  // namespace ix::backend::xla::hlo
