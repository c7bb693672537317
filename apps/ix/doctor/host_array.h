// Arrays on the host, by the numbers that they hold.
#pragma once

#include <cstddef>
#include <optional>
#include <span>
#include <string_view>
#include <vector>

#include "backend/xla/hlo/shape.h"

namespace ix::cli::doctor {

using backend::xla::hlo::ElementType;
using backend::xla::hlo::Shape;

using Values = std::vector<double>;  // of an array: row-major; 0 and 1 for pred

struct HostArray {
  Shape shape;
  Values values;
};
using HostArrays = std::vector<HostArray>;

// [1] of the number.
HostArray one_number(ElementType type, double value);

// As a device holds them: floats rounded to nearest even, integers that must fit.
std::vector<std::byte> to_bytes(const HostArray& array);
HostArray from_bytes(const Shape& shape, std::span<const std::byte> bytes);

// The array with its numbers as its type can hold them.
HostArray rounded(const HostArray& array);

// "bf16" -> ElementType::bf16.
std::optional<ElementType> parse_element_type(std::string_view name);

}  // namespace ix::cli::doctor
