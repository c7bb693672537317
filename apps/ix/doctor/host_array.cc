#include "doctor/host_array.h"

#include <cstdint>
#include <cstring>

#include "base/check.h"
#include "base/float16.h"

namespace ix::cli::doctor {
namespace {

template <typename Stored, typename Convert>
std::vector<std::byte> stored_as(const HostArray& array, const Convert& convert) {
  std::vector<std::byte> bytes(array.values.size() * sizeof(Stored));
  for (size_t i = 0; i < array.values.size(); ++i) {
    const Stored value = convert(array.values[i]);
    std::memcpy(bytes.data() + i * sizeof(Stored), &value, sizeof(Stored));
  }
  return bytes;
}

template <typename Stored, typename Convert>
Values read_as(std::span<const std::byte> bytes, const Convert& convert) {
  Values values(bytes.size() / sizeof(Stored));
  for (size_t i = 0; i < values.size(); ++i) {
    Stored value{};
    std::memcpy(&value, bytes.data() + i * sizeof(Stored), sizeof(Stored));
    values[i] = convert(value);
  }
  return values;
}

template <typename Stored>
std::vector<std::byte> stored_plainly(const HostArray& array) {
  return stored_as<Stored>(array, [](double value) { return static_cast<Stored>(value); });
}

template <typename Stored>
Values read_plainly(std::span<const std::byte> bytes) {
  return read_as<Stored>(bytes, [](Stored value) { return static_cast<double>(value); });
}

}  // namespace

HostArray one_number(ElementType type, double value) {
  HostArray array;
  array.shape.type = type;
  array.shape.dims.push_back(1);
  array.values.push_back(value);
  return array;
}

std::vector<std::byte> to_bytes(const HostArray& array) {
  IX_CHECK(static_cast<int64_t>(array.values.size()) == element_count(array.shape));
  switch (array.shape.type) {
    case ElementType::f32:
      return stored_plainly<float>(array);
    case ElementType::bf16:
      return stored_as<uint16_t>(
          array, [](double value) { return float_to_bfloat16(static_cast<float>(value)); });
    case ElementType::f16:
      return stored_as<uint16_t>(
          array, [](double value) { return float_to_half(static_cast<float>(value)); });
    case ElementType::s32:
      return stored_plainly<int32_t>(array);
    case ElementType::u32:
      return stored_plainly<uint32_t>(array);
    case ElementType::s8:
      return stored_plainly<int8_t>(array);
    case ElementType::u8:
    case ElementType::pred:
      return stored_plainly<uint8_t>(array);
    default:
      IX_CHECK(false);
      return {};
  }
}

HostArray from_bytes(const Shape& shape, std::span<const std::byte> bytes) {
  switch (shape.type) {
    case ElementType::f32:
      return {shape, read_plainly<float>(bytes)};
    case ElementType::bf16:
      return {shape, read_as<uint16_t>(bytes, bfloat16_to_float)};
    case ElementType::f16:
      return {shape, read_as<uint16_t>(bytes, half_to_float)};
    case ElementType::s32:
      return {shape, read_plainly<int32_t>(bytes)};
    case ElementType::u32:
      return {shape, read_plainly<uint32_t>(bytes)};
    case ElementType::s8:
      return {shape, read_plainly<int8_t>(bytes)};
    case ElementType::u8:
    case ElementType::pred:
      return {shape, read_plainly<uint8_t>(bytes)};
    default:
      IX_CHECK(false);
      return {};
  }
}

HostArray rounded(const HostArray& array) { return from_bytes(array.shape, to_bytes(array)); }

std::optional<ElementType> parse_element_type(std::string_view name) {
  for (const ElementType type :
       {ElementType::pred, ElementType::s8, ElementType::u8, ElementType::s32, ElementType::u32,
        ElementType::f16, ElementType::bf16, ElementType::f32}) {
    if (name == to_text(type)) return type;
  }
  return std::nullopt;
}

}  // namespace ix::cli::doctor
