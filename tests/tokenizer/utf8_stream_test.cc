#include <gtest/gtest.h>
#include <rapidcheck.h>
#include <utf8proc.h>

#include "tokenizer/tokenizer.h"

namespace ix::tokenizer {
namespace {

std::string push(Utf8Stream& stream, std::string_view bytes) {
  std::string out;
  stream.push(bytes, out);
  return out;
}

std::string finish(Utf8Stream& stream) {
  std::string out;
  stream.finish(out);
  return out;
}

std::string replaced(const std::vector<std::string>& parts) {
  Utf8Stream stream;
  std::string out;
  for (const std::string& part : parts) stream.push(part, out);
  stream.finish(out);
  return out;
}

TEST(Utf8Stream, HoldsACharacterBackUntilItIsWhole) {
  Utf8Stream stream;
  EXPECT_EQ(push(stream, "a\xF0\x9F"), "a");
  EXPECT_EQ(push(stream, "\x98"), "");
  EXPECT_EQ(push(stream, "\x80z"), "\U0001F600z");
  EXPECT_EQ(finish(stream), "");
}

TEST(Utf8Stream, AnIncompleteEndIsOneReplacementCharacter) {
  EXPECT_EQ(replaced({"a\xE2\x82"}), "a\uFFFD");
  EXPECT_EQ(replaced({"\xF0", "\x9F", "\x98"}), "\uFFFD");
  EXPECT_EQ(replaced({""}), "");
}

TEST(Utf8Stream, ReplacesAsTheUnicodeStandardShows) {
  // Table 3-8 to 3-11 of the Unicode standard, chapter 3.
  const std::string r = "\uFFFD";
  EXPECT_EQ(replaced({"\xC0\xAF\xE0\x80\xBF\xF0\x81\x82\x41"}),
            r + r + r + r + r + r + r + r + "A");
  EXPECT_EQ(replaced({"\xED\xA0\x80\xED\xBF\xBF\xED\xAF\x41"}),
            r + r + r + r + r + r + r + r + "A");
  EXPECT_EQ(replaced({"\xF4\x91\x92\x93\xFF\x41\x80\xBF\x42"}),
            r + r + r + r + r + "A" + r + r + "B");
  EXPECT_EQ(replaced({"\xE1\x80\xE2\xF0\x91\x92\xF1\xBF\x41"}), r + r + r + r + "A");
}

TEST(Utf8Stream, SplittingTheBytesAnywhereChangesNothing) {
  EXPECT_TRUE(rc::check([](const std::string& bytes) {
    std::vector<std::string> parts;
    for (size_t at = 0; at < bytes.size();) {
      const size_t length = *rc::gen::inRange<size_t>(1, bytes.size() - at + 1);
      parts.push_back(bytes.substr(at, length));
      at += length;
    }
    RC_ASSERT(replaced(parts) == replaced({bytes}));
  }));
}

TEST(Utf8Stream, EmitsNothingButWholeCharacters) {
  EXPECT_TRUE(rc::check([](const std::vector<std::string>& parts) {
    Utf8Stream stream;
    const auto check = [](const std::string& out) {
      // utf8proc is the judge.
      const auto* at = reinterpret_cast<const utf8proc_uint8_t*>(out.data());
      auto left = static_cast<utf8proc_ssize_t>(out.size());
      while (left > 0) {
        utf8proc_int32_t code_point = 0;
        const utf8proc_ssize_t length = utf8proc_iterate(at, left, &code_point);
        RC_ASSERT(length > 0);
        at += length;
        left -= length;
      }
    };
    for (const std::string& part : parts) check(push(stream, part));
    check(finish(stream));
  }));
}

TEST(Utf8Stream, ValidTextComesThroughUnchanged) {
  const auto code_points = rc::gen::container<std::vector<int32_t>>(rc::gen::suchThat(
      rc::gen::inRange(0, 0x110000), [](int32_t c) { return c < 0xD800 || c > 0xDFFF; }));
  EXPECT_TRUE(rc::check([&] {
    std::string text;
    for (const int32_t code_point : *code_points) {
      utf8proc_uint8_t bytes[4];
      const utf8proc_ssize_t length = utf8proc_encode_char(code_point, bytes);
      text.append(reinterpret_cast<const char*>(bytes), static_cast<size_t>(length));
    }
    std::vector<std::string> single_bytes;
    for (const char byte : text) single_bytes.emplace_back(1, byte);
    RC_ASSERT(replaced(single_bytes) == text);
  }));
}

}  // namespace
}  // namespace ix::tokenizer
