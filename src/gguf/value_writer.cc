#include "gguf/value_writer.h"

#include <fmt/format.h>

#include <type_traits>

#include "gguf/limits.h"
#include "gguf/quoted.h"
#include "gguf/value_reader.h"

namespace ix::gguf {
namespace {

template <typename T>
inline constexpr bool kIsVector = false;
template <typename T>
inline constexpr bool kIsVector<std::vector<T>> = true;

template <typename T>
constexpr ValueType type_of() {
  if constexpr (std::is_same_v<T, uint8_t>) return ValueType::u8;
  if constexpr (std::is_same_v<T, int8_t>) return ValueType::i8;
  if constexpr (std::is_same_v<T, uint16_t>) return ValueType::u16;
  if constexpr (std::is_same_v<T, int16_t>) return ValueType::i16;
  if constexpr (std::is_same_v<T, uint32_t>) return ValueType::u32;
  if constexpr (std::is_same_v<T, int32_t>) return ValueType::i32;
  if constexpr (std::is_same_v<T, float>) return ValueType::f32;
  if constexpr (std::is_same_v<T, bool>) return ValueType::boolean;
  if constexpr (std::is_same_v<T, std::string>) return ValueType::string;
  if constexpr (std::is_same_v<T, uint64_t>) return ValueType::u64;
  if constexpr (std::is_same_v<T, int64_t>) return ValueType::i64;
  if constexpr (std::is_same_v<T, double>) return ValueType::f64;
}

template <typename T>
void append_item(std::string& out, const T& value) {
  if constexpr (std::is_same_v<T, std::string>) {
    append_string(out, value);
  } else if constexpr (std::is_same_v<T, bool>) {
    append_number(out, static_cast<uint8_t>(value ? 1 : 0));
  } else {
    append_number(out, value);
  }
}

Status check_string(std::string_view key, const std::string& text, uint64_t limit) {
  if (text.size() <= limit) return ok_status();
  return invalid_argument(fmt::format("key {}: a string of {} bytes, at most {} are allowed",
                                      quoted(key), text.size(), limit));
}

template <typename T>
Status check_items(std::string_view key, const std::vector<T>& items) {
  if (items.size() > kMaxArrayItems) {
    return invalid_argument(fmt::format("key {}: an array of {} items, at most {} are allowed",
                                        quoted(key), items.size(), kMaxArrayItems));
  }
  if constexpr (std::is_same_v<T, std::string>) {
    for (const std::string& item : items) {
      IX_RETURN_IF_ERROR(check_string(key, item, kMaxArrayStringBytes));
    }
  }
  return ok_status();
}

}  // namespace

void append_string(std::string& out, std::string_view text) {
  append_number(out, static_cast<uint64_t>(text.size()));
  out += text;
}

Result<std::string> encode_value(std::string_view key, const TypedValue& value) {
  return std::visit(
      [key](const auto& held) -> Result<std::string> {
        using T = std::remove_cvref_t<decltype(held)>;
        std::string out;
        if constexpr (kIsVector<T>) {
          using Item = typename T::value_type;
          IX_RETURN_IF_ERROR(check_items(key, held));
          append_number(out, static_cast<uint32_t>(ValueType::array));
          append_number(out, static_cast<uint32_t>(type_of<Item>()));
          append_number(out, static_cast<uint64_t>(held.size()));
          for (const Item& item : held) append_item<Item>(out, item);
        } else {
          if constexpr (std::is_same_v<T, std::string>) {
            IX_RETURN_IF_ERROR(check_string(key, held, kMaxStringBytes));
          }
          append_number(out, static_cast<uint32_t>(type_of<T>()));
          append_item<T>(out, held);
        }
        return out;
      },
      value);
}

}  // namespace ix::gguf
