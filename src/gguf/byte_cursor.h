// Reads little-endian values from a span, never past its end.
#pragma once

#include <bit>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <optional>
#include <span>
#include <string_view>
#include <type_traits>

namespace ix::gguf {

static_assert(std::endian::native == std::endian::little, "GGUF is read as the host's own bytes");

class ByteCursor {
 public:
  explicit ByteCursor(std::span<const std::byte> bytes) : bytes_(bytes) {}

  uint64_t offset() const { return offset_; }
  uint64_t left() const { return bytes_.size() - offset_; }

  // What was read since the cursor was at `from`.
  std::span<const std::byte> since(uint64_t from) const {
    return bytes_.subspan(from, offset_ - from);
  }

  // The next value; nothing, and no move, when fewer bytes are left.
  template <typename T>
  requires std::is_arithmetic_v<T> std::optional<T> read() {
    if (left() < sizeof(T)) return std::nullopt;
    T value;
    std::memcpy(&value, bytes_.data() + offset_, sizeof(T));
    offset_ += sizeof(T);
    return value;
  }

  std::optional<std::span<const std::byte>> read_bytes(uint64_t count) {
    if (left() < count) return std::nullopt;
    const auto out = bytes_.subspan(offset_, count);
    offset_ += count;
    return out;
  }

 private:
  std::span<const std::byte> bytes_;
  uint64_t offset_ = 0;
};

}  // namespace ix::gguf
