#include "backend/xla/pjrt/buffer_type.h"

#include <array>
#include <utility>

#include "base/check.h"

namespace ix::backend::xla::pjrt {
namespace {

using abi::BufferType;
using hlo::ElementType;

constexpr std::array<std::pair<ElementType, BufferType>, 13> kTypes = {{
    {ElementType::pred, BufferType::pred},
    {ElementType::s8, BufferType::s8},
    {ElementType::s16, BufferType::s16},
    {ElementType::s32, BufferType::s32},
    {ElementType::s64, BufferType::s64},
    {ElementType::u8, BufferType::u8},
    {ElementType::u16, BufferType::u16},
    {ElementType::u32, BufferType::u32},
    {ElementType::u64, BufferType::u64},
    {ElementType::f16, BufferType::f16},
    {ElementType::f32, BufferType::f32},
    {ElementType::f64, BufferType::f64},
    {ElementType::bf16, BufferType::bf16},
}};

}  // namespace

BufferType to_buffer_type(ElementType type) {
  for (const auto& [element, buffer] : kTypes) {
    if (element == type) return buffer;
  }
  IX_CHECK(false);
  return BufferType::invalid;
}

std::optional<ElementType> to_element_type(BufferType type) {
  for (const auto& [element, buffer] : kTypes) {
    if (buffer == type) return element;
  }
  return std::nullopt;
}

}  // namespace ix::backend::xla::pjrt
