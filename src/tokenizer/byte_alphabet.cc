#include "tokenizer/byte_alphabet.h"

#include <array>

namespace ix::tokenizer {
namespace {

constexpr bool stands_for_itself(int byte) {
  return (byte >= 0x21 && byte <= 0x7E) || (byte >= 0xA1 && byte <= 0xAC) || byte >= 0xAE;
}

constexpr int kCodePoints = 256 + 68;  // the highest code point of the alphabet is U+0143

struct Alphabet {
  std::array<std::array<char, 2>, 256> text{};
  std::array<uint8_t, 256> length{};
  std::array<int16_t, kCodePoints> byte_of{};  // -1: not in the alphabet
};

constexpr Alphabet make_alphabet() {
  Alphabet alphabet;
  for (auto& byte : alphabet.byte_of) byte = -1;
  int next = 256;
  for (int byte = 0; byte < 256; ++byte) {
    const int code_point = stands_for_itself(byte) ? byte : next++;
    alphabet.byte_of[code_point] = static_cast<int16_t>(byte);
    if (code_point < 0x80) {
      alphabet.text[byte] = {static_cast<char>(code_point), 0};
      alphabet.length[byte] = 1;
    } else {
      alphabet.text[byte] = {static_cast<char>(0xC0 | (code_point >> 6)),
                             static_cast<char>(0x80 | (code_point & 0x3F))};
      alphabet.length[byte] = 2;
    }
  }
  return alphabet;
}

constexpr Alphabet kAlphabet = make_alphabet();

}  // namespace

std::string_view byte_character(uint8_t byte) {
  return {kAlphabet.text[byte].data(), kAlphabet.length[byte]};
}

void append_bytes_of(std::string_view text, std::string& out) {
  for (size_t i = 0; i < text.size(); ++i) {
    const auto lead = static_cast<uint8_t>(text[i]);
    int code_point = -1;
    size_t length = 1;
    if (lead < 0x80) {
      code_point = lead;
    } else if (lead >= 0xC2 && lead < 0xE0 && i + 1 < text.size() && (text[i + 1] & 0xC0) == 0x80) {
      code_point = ((lead & 0x1F) << 6) | (text[i + 1] & 0x3F);
      length = 2;
    }
    const int byte =
        code_point >= 0 && code_point < kCodePoints ? kAlphabet.byte_of[code_point] : -1;
    if (byte >= 0) {
      out.push_back(static_cast<char>(byte));
    } else {
      out.append(text.substr(i, length));
    }
    i += length - 1;
  }
}

}  // namespace ix::tokenizer
