// Reads the values of metadata.
#pragma once

#include <cstdint>
#include <string_view>

#include "base/result.h"
#include "gguf/byte_cursor.h"
#include "gguf/metadata.h"

namespace ix::gguf {

// Ids as they stand in files.
enum class ValueType : uint32_t {
  u8 = 0,
  i8 = 1,
  u16 = 2,
  i16 = 3,
  u32 = 4,
  i32 = 5,
  f32 = 6,
  boolean = 7,
  string = 8,
  array = 9,
  u64 = 10,
  i64 = 11,
  f64 = 12,
};

// A string: u64 length and bytes. `what` names it in messages ("the value of key 'a'").
Result<std::string_view> read_string(ByteCursor& cursor, uint64_t max_bytes, std::string_view what);

// The type and the value of `key`.
Result<Value> read_value(ByteCursor& cursor, std::string_view key);

}  // namespace ix::gguf
