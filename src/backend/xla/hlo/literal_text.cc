#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <cstdlib>
#include <cstring>
#include <limits>
#include <span>
#include <vector>

#include "backend/xla/hlo/hlo.pb.h"
#include "backend/xla/hlo/text.h"
#include "base/float16.h"

namespace ix::backend::xla::hlo {
namespace {

constexpr int64_t kMostElements = 10;  // that XLA prints

template <typename T>
std::vector<T> from_bytes(const std::string& bytes) {
  std::vector<T> values(bytes.size() / sizeof(T));
  if (!values.empty()) std::memcpy(values.data(), bytes.data(), values.size() * sizeof(T));
  return values;
}

// A number with `digits` significant digits, infinities and NaN as XLA writes them.
std::string float_text(double value, int digits) {
  if (std::isnan(value)) return std::signbit(value) ? "-nan" : "nan";
  if (std::isinf(value)) return value < 0 ? "-inf" : "inf";
  return fmt::format("{:.{}g}", value, digits);
}

std::string f32_text(float value) {
  std::string text = float_text(value, std::numeric_limits<float>::digits10);
  if (std::isfinite(value) && std::strtof(text.c_str(), nullptr) != value) {
    text = float_text(value, std::numeric_limits<float>::max_digits10);
  }
  return text;
}

std::string f64_text(double value) {
  std::string text = float_text(value, std::numeric_limits<double>::digits10);
  if (std::isfinite(value) && std::strtod(text.c_str(), nullptr) != value) {
    text = float_text(value, std::numeric_limits<double>::max_digits10);
  }
  return text;
}

template <typename Values>
std::vector<std::string> integers(const Values& values) {
  std::vector<std::string> texts;
  texts.reserve(static_cast<size_t>(values.size()));
  for (const auto value : values) texts.push_back(fmt::format("{}", static_cast<int64_t>(value)));
  return texts;
}

template <typename Values, typename Text>
std::vector<std::string> mapped(const Values& values, Text text) {
  std::vector<std::string> texts;
  texts.reserve(static_cast<size_t>(values.size()));
  for (const auto value : values) texts.push_back(text(value));
  return texts;
}

// Empty for element types that are not written.
std::vector<std::string> element_texts(const ix::hlo::LiteralProto& literal) {
  switch (literal.shape().element_type()) {
    case ix::hlo::PRED:
      return mapped(literal.preds(), [](bool value) { return value ? "true" : "false"; });
    case ix::hlo::S8:
      return integers(from_bytes<int8_t>(literal.s8s()));
    case ix::hlo::U8:
      return integers(from_bytes<uint8_t>(literal.u8s()));
    case ix::hlo::S16:
      return integers(from_bytes<int16_t>(literal.s16s()));
    case ix::hlo::U16:
      return integers(from_bytes<uint16_t>(literal.u16s()));
    case ix::hlo::S32:
      return integers(literal.s32s());
    case ix::hlo::U32:
      return integers(literal.u32s());
    case ix::hlo::S64:
      return integers(literal.s64s());
    case ix::hlo::U64:
      return mapped(literal.u64s(), [](uint64_t value) { return fmt::format("{}", value); });
    case ix::hlo::F16:
      return mapped(from_bytes<uint16_t>(literal.f16s()),
                    [](uint16_t bits) { return float_text(half_to_float(bits), 5); });
    case ix::hlo::BF16:
      return mapped(from_bytes<uint16_t>(literal.bf16s()),
                    [](uint16_t bits) { return float_text(bfloat16_to_float(bits), 4); });
    case ix::hlo::F32:
      return mapped(literal.f32s(), f32_text);
    case ix::hlo::F64:
      return mapped(literal.f64s(), f64_text);
    default:
      return {};
  }
}

// Elements of an array, dims[0] the slowest; as many as the dims say.
std::string nested(std::span<const std::string> elements, std::span<const int64_t> dims,
                   bool outermost) {
  if (dims.empty()) return elements.front();
  if (dims.size() == 1) {
    const bool spaced = !outermost && dims[0] > 1;
    return fmt::format("{{{0}{1}{0}}}", spaced ? " " : "", fmt::join(elements, ", "));
  }
  const size_t stride = dims[0] == 0 ? 0 : elements.size() / static_cast<size_t>(dims[0]);
  std::vector<std::string> parts;
  for (int64_t i = 0; i < dims[0]; ++i) {
    parts.push_back(
        nested(elements.subspan(static_cast<size_t>(i) * stride, stride), dims.subspan(1), false));
  }
  return fmt::format("{{ {} }}", fmt::join(parts, ", "));
}

}  // namespace

std::string to_text(const ix::hlo::LiteralProto& literal) {
  int64_t count = 1;
  for (const int64_t dim : literal.shape().dimensions()) {
    if (dim < 0 || dim > kMostElements) return "{...}";
    count = std::min(count * dim, kMostElements + 1);
  }
  if (count > kMostElements) return "{...}";
  const std::vector<std::string> elements = element_texts(literal);
  if (static_cast<int64_t>(elements.size()) != count) return "{...}";
  return nested(
      elements,
      {literal.shape().dimensions().data(), static_cast<size_t>(literal.shape().dimensions_size())},
      true);
}

}  // namespace ix::backend::xla::hlo
