// The metadata of a GGUF file: keys and values, with typed access.
#pragma once

#include <cstddef>
#include <cstdint>
#include <map>
#include <span>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include "base/result.h"

namespace ix::gguf {

// A string array points into the mapping: no string of the vocabulary is copied.
struct StringArray {
  std::vector<std::string_view> items;
  bool operator==(const StringArray&) const = default;
};
struct IntArray {  // any integer or bool element type, widened
  std::vector<int64_t> items;
  bool operator==(const IntArray&) const = default;
};
struct FloatArray {  // f32 or f64 elements
  std::vector<double> items;
  bool operator==(const FloatArray&) const = default;
};
// Scalars are widened: every unsigned integer to uint64, signed to int64, float to double.
using Value = std::variant<uint64_t, int64_t, double, bool, std::string_view, StringArray, IntArray,
                           FloatArray>;

struct KeyValue {
  std::string_view key;
  Value value;
  // The type and the value as they stand in the file, for a writer that copies them; empty for an
  // entry that comes from no file.
  std::span<const std::byte> encoded = {};
};

// Metadata with typed access. Getters return not_found for a missing key and corrupt for a value
// of another type or out of range; both messages name the key. Keys and strings are views: what
// they point to (the mapping, or the caller's text in a test) must outlive this.
class Metadata {
 public:
  const Value* find(std::string_view key) const;
  std::span<const KeyValue> entries() const { return entries_; }  // in file order

  Result<std::string_view> get_string(std::string_view key) const;
  Result<int64_t> get_int(std::string_view key) const;   // any integer type that fits
  Result<double> get_float(std::string_view key) const;  // any number
  Result<bool> get_bool(std::string_view key) const;
  // An empty array is an empty array of any type.
  Result<std::span<const std::string_view>> get_strings(std::string_view key) const;
  Result<std::span<const int64_t>> get_ints(std::string_view key) const;
  Result<std::span<const double>> get_floats(std::string_view key) const;

  // For tests and the reader. False when the key is there already.
  bool insert(std::string_view key, Value value, std::span<const std::byte> encoded = {});

 private:
  std::vector<KeyValue> entries_;
  std::map<std::string_view, size_t> index_;
};

}  // namespace ix::gguf
