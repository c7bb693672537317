#include "gguf/metadata.h"

#include <fmt/format.h>

#include <array>
#include <limits>

#include "gguf/quoted.h"

namespace ix::gguf {
namespace {

// In the order of Value's alternatives.
constexpr std::array<std::string_view, std::variant_size_v<Value>> kKinds = {
    "an unsigned integer", "a signed integer",     "a float",           "a bool", "a string",
    "an array of strings", "an array of integers", "an array of floats"};

Status missing(std::string_view key) {
  return not_found(fmt::format("key {} is missing", quoted(key)));
}

Status wrong_kind(std::string_view key, const Value& value, std::string_view expected) {
  return corrupt(
      fmt::format("key {} is {}, expected {}", quoted(key), kKinds[value.index()], expected));
}

bool is_empty_array(const Value& value) {
  return std::visit(
      [](const auto& held) {
        if constexpr (requires { held.items; }) {
          return held.items.empty();
        } else {
          return false;
        }
      },
      value);
}

template <typename T>
Result<T> get_scalar(const Metadata& metadata, std::string_view key, std::string_view expected) {
  const Value* value = metadata.find(key);
  if (value == nullptr) return missing(key);
  const T* held = std::get_if<T>(value);
  if (held == nullptr) return wrong_kind(key, *value, expected);
  return *held;
}

template <typename Array, typename Item>
Result<std::span<const Item>> get_array(const Metadata& metadata, std::string_view key,
                                        std::string_view expected) {
  const Value* value = metadata.find(key);
  if (value == nullptr) return missing(key);
  if (is_empty_array(*value)) return std::span<const Item>();
  const Array* held = std::get_if<Array>(value);
  if (held == nullptr) return wrong_kind(key, *value, expected);
  return std::span<const Item>(held->items);
}

}  // namespace

const Value* Metadata::find(std::string_view key) const {
  const auto it = index_.find(key);
  return it == index_.end() ? nullptr : &entries_[it->second].value;
}

bool Metadata::insert(std::string_view key, Value value, std::span<const std::byte> encoded) {
  if (!index_.emplace(key, entries_.size()).second) return false;
  entries_.push_back({key, std::move(value), encoded});
  return true;
}

Result<std::string_view> Metadata::get_string(std::string_view key) const {
  return get_scalar<std::string_view>(*this, key, "a string");
}

Result<bool> Metadata::get_bool(std::string_view key) const {
  return get_scalar<bool>(*this, key, "a bool");
}

Result<int64_t> Metadata::get_int(std::string_view key) const {
  const Value* value = find(key);
  if (value == nullptr) return missing(key);
  if (const auto* held = std::get_if<int64_t>(value)) return *held;
  const auto* held = std::get_if<uint64_t>(value);
  if (held == nullptr) return wrong_kind(key, *value, "an integer");
  if (*held > static_cast<uint64_t>(std::numeric_limits<int64_t>::max())) {
    return corrupt(fmt::format("key {} is {}, expected an integer below 2^63", quoted(key), *held));
  }
  return static_cast<int64_t>(*held);
}

Result<double> Metadata::get_float(std::string_view key) const {
  const Value* value = find(key);
  if (value == nullptr) return missing(key);
  if (const auto* held = std::get_if<double>(value)) return *held;
  if (const auto* held = std::get_if<int64_t>(value)) return static_cast<double>(*held);
  if (const auto* held = std::get_if<uint64_t>(value)) return static_cast<double>(*held);
  return wrong_kind(key, *value, "a number");
}

Result<std::span<const std::string_view>> Metadata::get_strings(std::string_view key) const {
  return get_array<StringArray, std::string_view>(*this, key, "an array of strings");
}

Result<std::span<const int64_t>> Metadata::get_ints(std::string_view key) const {
  return get_array<IntArray, int64_t>(*this, key, "an array of integers");
}

Result<std::span<const double>> Metadata::get_floats(std::string_view key) const {
  return get_array<FloatArray, double>(*this, key, "an array of floats");
}

}  // namespace ix::gguf
