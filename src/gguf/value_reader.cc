#include "gguf/value_reader.h"

#include <fmt/format.h>

#include <limits>
#include <string>
#include <utility>

#include "gguf/limits.h"
#include "gguf/quoted.h"

namespace ix::gguf {
namespace {

Status cut_short(std::string_view what, const ByteCursor& cursor, uint64_t expected) {
  return corrupt(fmt::format("{} at offset {} needs {} bytes, {} are left in the file", what,
                             cursor.offset(), expected, cursor.left()));
}

template <typename T>
Result<T> read_number(ByteCursor& cursor, std::string_view what) {
  const auto value = cursor.read<T>();
  if (!value) return cut_short(what, cursor, sizeof(T));
  return *value;
}

// The stored T, widened to an alternative of Value.
template <typename Wide, typename T>
Result<Value> read_scalar(ByteCursor& cursor, std::string_view what) {
  IX_ASSIGN_OR_RETURN(const T value, read_number<T>(cursor, what));
  return Value(static_cast<Wide>(value));
}

Result<bool> read_bool(ByteCursor& cursor, std::string_view what) {
  const uint64_t offset = cursor.offset();
  IX_ASSIGN_OR_RETURN(const uint8_t byte, read_number<uint8_t>(cursor, what));
  if (byte > 1) {
    return corrupt(
        fmt::format("{} at offset {}: a bool is {}, expected 0 or 1", what, offset, byte));
  }
  return byte == 1;
}

template <typename Array, typename T>
Result<Value> read_items(ByteCursor& cursor, uint64_t count, std::string_view what) {
  Array array;
  array.items.reserve(count);
  for (uint64_t i = 0; i < count; ++i) {
    IX_ASSIGN_OR_RETURN(const T item, read_number<T>(cursor, what));
    if constexpr (std::is_same_v<T, uint64_t>) {
      if (item > static_cast<uint64_t>(std::numeric_limits<int64_t>::max())) {
        return corrupt(fmt::format("{}: item {} is {}, expected less than 2^63", what, i, item));
      }
    }
    array.items.push_back(static_cast<typename decltype(array.items)::value_type>(item));
  }
  return Value(std::move(array));
}

Result<Value> read_bools(ByteCursor& cursor, uint64_t count, std::string_view what) {
  IntArray array;
  array.items.reserve(count);
  for (uint64_t i = 0; i < count; ++i) {
    IX_ASSIGN_OR_RETURN(const bool item, read_bool(cursor, what));
    array.items.push_back(item ? 1 : 0);
  }
  return Value(std::move(array));
}

Result<Value> read_strings(ByteCursor& cursor, uint64_t count, std::string_view what) {
  StringArray array;
  array.items.reserve(count);
  for (uint64_t i = 0; i < count; ++i) {
    auto item = read_string(cursor, kMaxArrayStringBytes, what);
    if (!item.ok()) return item.status().with_context(fmt::format("item {}", i));
    array.items.push_back(*item);
  }
  return Value(std::move(array));
}

// The fewest bytes that an item of an array takes; 0 for types that an array cannot have.
uint64_t min_item_bytes(ValueType type) {
  switch (type) {
    case ValueType::u8:
    case ValueType::i8:
    case ValueType::boolean:
      return 1;
    case ValueType::u16:
    case ValueType::i16:
      return 2;
    case ValueType::u32:
    case ValueType::i32:
    case ValueType::f32:
      return 4;
    case ValueType::u64:
    case ValueType::i64:
    case ValueType::f64:
      return 8;
    case ValueType::string:
      return kMinStringBytes;
    case ValueType::array:
      return 0;
  }
  return 0;
}

// The head of an array, checked against what is left of the file before anything is reserved.
Result<std::pair<ValueType, uint64_t>> read_array_head(ByteCursor& cursor, std::string_view what) {
  const uint64_t offset = cursor.offset();
  IX_ASSIGN_OR_RETURN(const uint32_t id, read_number<uint32_t>(cursor, what));
  IX_ASSIGN_OR_RETURN(const uint64_t count, read_number<uint64_t>(cursor, what));
  const auto type = static_cast<ValueType>(id);
  if (type == ValueType::array) {
    return corrupt(
        fmt::format("{} at offset {} is an array of arrays, expected an array of numbers, bools or "
                    "strings",
                    what, offset));
  }
  const uint64_t item_bytes = min_item_bytes(type);
  if (item_bytes == 0) {
    return corrupt(fmt::format("{} at offset {}: items of type {}, expected 0 to 8 or 10 to 12",
                               what, offset, id));
  }
  if (count > kMaxArrayItems) {
    return corrupt(fmt::format("{} at offset {}: an array of {} items, at most {} are allowed",
                               what, offset, count, kMaxArrayItems));
  }
  if (count > cursor.left() / item_bytes) {
    return corrupt(
        fmt::format("{} at offset {}: an array of {} items needs at least {} bytes, {} are left in "
                    "the file",
                    what, offset, count, count * item_bytes, cursor.left()));
  }
  return std::pair(type, count);
}

Result<Value> read_array(ByteCursor& cursor, std::string_view what) {
  IX_ASSIGN_OR_RETURN(const auto head, read_array_head(cursor, what));
  const uint64_t count = head.second;
  switch (head.first) {
    case ValueType::u8:
      return read_items<IntArray, uint8_t>(cursor, count, what);
    case ValueType::i8:
      return read_items<IntArray, int8_t>(cursor, count, what);
    case ValueType::u16:
      return read_items<IntArray, uint16_t>(cursor, count, what);
    case ValueType::i16:
      return read_items<IntArray, int16_t>(cursor, count, what);
    case ValueType::u32:
      return read_items<IntArray, uint32_t>(cursor, count, what);
    case ValueType::i32:
      return read_items<IntArray, int32_t>(cursor, count, what);
    case ValueType::u64:
      return read_items<IntArray, uint64_t>(cursor, count, what);
    case ValueType::i64:
      return read_items<IntArray, int64_t>(cursor, count, what);
    case ValueType::f32:
      return read_items<FloatArray, float>(cursor, count, what);
    case ValueType::f64:
      return read_items<FloatArray, double>(cursor, count, what);
    case ValueType::boolean:
      return read_bools(cursor, count, what);
    case ValueType::string:
      return read_strings(cursor, count, what);
    case ValueType::array:
      break;
  }
  return internal_error("an array of arrays passed the check of its head");
}

}  // namespace

Result<std::string_view> read_string(ByteCursor& cursor, uint64_t max_bytes,
                                     std::string_view what) {
  const uint64_t offset = cursor.offset();
  IX_ASSIGN_OR_RETURN(const uint64_t length, read_number<uint64_t>(cursor, what));
  // What is left comes first: a length from a broken file is better told as that.
  if (length > cursor.left()) {
    return corrupt(fmt::format("{} at offset {}: a string of {} bytes, {} are left in the file",
                               what, offset, length, cursor.left()));
  }
  if (length > max_bytes) {
    return corrupt(fmt::format("{} at offset {}: a string of {} bytes, at most {} are allowed",
                               what, offset, length, max_bytes));
  }
  const auto bytes = *cursor.read_bytes(length);
  return std::string_view(reinterpret_cast<const char*>(bytes.data()), bytes.size());
}

Result<Value> read_value(ByteCursor& cursor, std::string_view key) {
  const std::string what = "key " + quoted(key);
  IX_ASSIGN_OR_RETURN(const uint32_t id, read_number<uint32_t>(cursor, what));
  switch (static_cast<ValueType>(id)) {
    case ValueType::u8:
      return read_scalar<uint64_t, uint8_t>(cursor, what);
    case ValueType::i8:
      return read_scalar<int64_t, int8_t>(cursor, what);
    case ValueType::u16:
      return read_scalar<uint64_t, uint16_t>(cursor, what);
    case ValueType::i16:
      return read_scalar<int64_t, int16_t>(cursor, what);
    case ValueType::u32:
      return read_scalar<uint64_t, uint32_t>(cursor, what);
    case ValueType::i32:
      return read_scalar<int64_t, int32_t>(cursor, what);
    case ValueType::f32:
      return read_scalar<double, float>(cursor, what);
    case ValueType::u64:
      return read_scalar<uint64_t, uint64_t>(cursor, what);
    case ValueType::i64:
      return read_scalar<int64_t, int64_t>(cursor, what);
    case ValueType::f64:
      return read_scalar<double, double>(cursor, what);
    case ValueType::boolean: {
      IX_ASSIGN_OR_RETURN(const bool value, read_bool(cursor, what));
      return Value(value);
    }
    case ValueType::string: {
      IX_ASSIGN_OR_RETURN(const auto value, read_string(cursor, kMaxStringBytes, what));
      return Value(value);
    }
    case ValueType::array:
      return read_array(cursor, what);
  }
  return corrupt(fmt::format("{} at offset {} has type {}, expected 0 to 12", what,
                             cursor.offset() - sizeof(id), id));
}

}  // namespace ix::gguf
