// Writes the values of metadata as bytes of the format.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include "base/result.h"

namespace ix::gguf {

// A value with the type that it has in the file.
using TypedValue = std::variant<uint8_t, int8_t, uint16_t, int16_t, uint32_t, int32_t, float, bool,
                                std::string, uint64_t, int64_t, double, std::vector<uint8_t>,
                                std::vector<int8_t>, std::vector<uint16_t>, std::vector<int16_t>,
                                std::vector<uint32_t>, std::vector<int32_t>, std::vector<float>,
                                std::vector<bool>, std::vector<std::string>, std::vector<uint64_t>,
                                std::vector<int64_t>, std::vector<double>>;

// The type and the bytes of a value. invalid_argument, naming the key, beyond gguf/limits.h.
Result<std::string> encode_value(std::string_view key, const TypedValue& value);

// Appends a u64 length and the bytes.
void append_string(std::string& out, std::string_view text);

// Appends a number as its little-endian bytes.
template <typename T>
void append_number(std::string& out, T value) {
  out.append(reinterpret_cast<const char*>(&value), sizeof(value));
}

}  // namespace ix::gguf
