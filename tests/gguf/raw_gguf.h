// Builds the bytes of GGUF files by hand, right or wrong: independent of the writer.
#pragma once

#include <cstddef>
#include <cstdint>
#include <initializer_list>
#include <span>
#include <string>
#include <string_view>

namespace ix::gguf {

// Type ids of values, as the format numbers them.
inline constexpr uint32_t kU8 = 0, kI8 = 1, kU16 = 2, kI16 = 3, kU32 = 4, kI32 = 5, kF32 = 6,
                          kBool = 7, kString = 8, kArray = 9, kU64 = 10, kI64 = 11, kF64 = 12;

class RawGguf {
 public:
  RawGguf() = default;
  RawGguf(uint64_t tensors, uint64_t keys, uint32_t version = 3) {
    text("GGUF").number(version).number(tensors).number(keys);
  }

  template <typename T>
  RawGguf& number(T value) {
    bytes_.append(reinterpret_cast<const char*>(&value), sizeof(value));
    return *this;
  }
  RawGguf& text(std::string_view chars) {  // without a length
    bytes_ += chars;
    return *this;
  }
  RawGguf& string(std::string_view chars) {
    return number(static_cast<uint64_t>(chars.size())).text(chars);
  }
  // A key and the type of its value; the value follows.
  RawGguf& key(std::string_view name, uint32_t type) { return string(name).number(type); }
  RawGguf& array_key(std::string_view name, uint32_t item_type, uint64_t count) {
    return key(name, kArray).number(item_type).number(count);
  }
  RawGguf& tensor(std::string_view name, std::initializer_list<uint64_t> dims, uint32_t type,
                  uint64_t offset) {
    string(name).number(static_cast<uint32_t>(dims.size()));
    for (const uint64_t dim : dims) number(dim);
    return number(type).number(offset);
  }
  RawGguf& pad_to(size_t alignment) {
    bytes_.resize((bytes_.size() + alignment - 1) / alignment * alignment, '\0');
    return *this;
  }
  RawGguf& zeros(size_t count) {
    bytes_.append(count, '\0');
    return *this;
  }

  const std::string& str() const { return bytes_; }
  std::span<const std::byte> bytes() const { return std::as_bytes(std::span(bytes_)); }

 private:
  std::string bytes_;
};

// Type ids of tensors.
inline constexpr uint32_t kTensorF32 = 0, kTensorQ4K = 12;

// Two keys, a tensor of 4 floats and one of a block of Q4_K behind it.
inline RawGguf small_file(uint32_t version = 3) {
  RawGguf file(2, 2, version);
  file.key("general.architecture", kString).string("llama");
  file.array_key("tokenizer.ggml.tokens", kString, 2).string("a").string("bc");
  file.tensor("a.weight", {2, 2}, kTensorF32, 0).tensor("b.weight", {256}, kTensorQ4K, 32);
  file.pad_to(32);
  for (const float value : {1.0f, 2.0f, 3.0f, 4.0f}) file.number(value);
  file.pad_to(32).zeros(144).pad_to(32);
  return file;
}

}  // namespace ix::gguf
