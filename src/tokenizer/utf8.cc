#include "tokenizer/utf8.h"

#include <cstdint>
#include <cstring>

namespace ix::tokenizer {
namespace {

// Table 3-7 of the Unicode standard: how long a character is by its first byte, and what its
// second byte may be.
struct Lead {
  size_t length;  // 0: no character begins with this byte
  uint8_t second_min;
  uint8_t second_max;
};

constexpr Lead lead_of(uint8_t byte) {
  if (byte < 0x80) return {1, 0, 0};
  if (byte < 0xC2) return {0, 0, 0};
  if (byte < 0xE0) return {2, 0x80, 0xBF};
  if (byte == 0xE0) return {3, 0xA0, 0xBF};
  if (byte == 0xED) return {3, 0x80, 0x9F};
  if (byte < 0xF0) return {3, 0x80, 0xBF};
  if (byte == 0xF0) return {4, 0x90, 0xBF};
  if (byte < 0xF4) return {4, 0x80, 0xBF};
  if (byte == 0xF4) return {4, 0x80, 0x8F};
  return {0, 0, 0};
}

}  // namespace

Utf8Step utf8_step(std::string_view bytes) {
  const Lead lead = lead_of(static_cast<uint8_t>(bytes[0]));
  if (lead.length == 0) return {1, Utf8State::invalid};
  for (size_t i = 1; i < lead.length; ++i) {
    if (i == bytes.size()) return {i, Utf8State::truncated};
    const auto byte = static_cast<uint8_t>(bytes[i]);
    const uint8_t min = i == 1 ? lead.second_min : 0x80;
    const uint8_t max = i == 1 ? lead.second_max : 0xBF;
    if (byte < min || byte > max) return {i, Utf8State::invalid};
  }
  return {lead.length, Utf8State::valid};
}

bool is_valid_utf8(std::string_view bytes) {
  size_t at = 0;
  while (at < bytes.size()) {
    uint64_t eight = 0;
    if (bytes.size() - at >= sizeof eight) {
      std::memcpy(&eight, bytes.data() + at, sizeof eight);
      if ((eight & 0x8080808080808080u) == 0) {  // eight ASCII characters
        at += sizeof eight;
        continue;
      }
    }
    const Utf8Step step = utf8_step(bytes.substr(at));
    if (step.state != Utf8State::valid) return false;
    at += step.length;
  }
  return true;
}

}  // namespace ix::tokenizer
