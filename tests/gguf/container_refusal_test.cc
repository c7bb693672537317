// What the reader refuses, one malformed file a test.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <limits>
#include <string>
#include <vector>

#include "gguf/container.h"
#include "gguf/limits.h"
#include "gguf/raw_gguf.h"

namespace ix::gguf {
namespace {

using ::testing::AllOf;
using ::testing::HasSubstr;
using ::testing::StartsWith;

constexpr uint64_t kHuge = std::numeric_limits<uint64_t>::max();

Result<Container> read(const RawGguf& file) { return read_container("m.gguf", file.bytes()); }

// The message of the refusal; the code must be the one expected.
std::string refusal(const RawGguf& file, StatusCode code = StatusCode::corrupt) {
  const auto result = read(file);
  if (result.ok()) return "accepted";
  EXPECT_EQ(result.status().code(), code) << result.status().message();
  EXPECT_THAT(result.status().message(), StartsWith("m.gguf: "));
  EXPECT_EQ(result.status().message().find('\n'), std::string::npos);
  return result.status().message();
}

// Every prefix of a file is a file that was cut off. Only what is cut from the padding behind the
// last tensor may go unnoticed.
TEST(GgufReader, RefusesAFileCutOffAtAnyByte) {
  const RawGguf file = small_file();
  const auto whole = read(file);
  ASSERT_TRUE(whole.ok());
  const quant::TensorView& last = whole->tensors.back();
  const auto end = static_cast<size_t>(last.bytes.data() + last.bytes.size() - file.bytes().data());
  for (size_t size = 0; size < file.bytes().size(); ++size) {
    // A copy of its own, so that the address sanitizer sees a read beyond the cut.
    const std::vector<std::byte> cut(file.bytes().begin(),
                                     file.bytes().begin() + static_cast<std::ptrdiff_t>(size));
    EXPECT_EQ(read_container("m.gguf", cut).ok(), size >= end) << size << " bytes";
  }
}

// Whatever a byte is changed to, the answer is a file or a status; what is accepted can be read.
TEST(GgufReader, SurvivesAnyChangeOfOneByte) {
  const RawGguf file = small_file();
  size_t accepted = 0;
  for (size_t at = 0; at < file.bytes().size(); ++at) {
    for (const int value : {0, 1, 0x7f, 0x80, 0xff}) {
      std::vector<std::byte> changed(file.bytes().begin(), file.bytes().end());
      changed[at] = static_cast<std::byte>(value);
      const auto container = read_container("m.gguf", changed);
      if (!container.ok()) continue;
      ++accepted;
      unsigned sum = 0;
      for (const quant::TensorView& view : container->tensors) {
        for (const std::byte byte : view.bytes) sum += std::to_integer<unsigned>(byte);
      }
      EXPECT_GE(sum, 0u);
    }
  }
  EXPECT_GT(accepted, 0u);
}

TEST(GgufReader, SaysThatATextFileIsNone) {
  RawGguf file;
  file.text("# A readme, much longer than a header would be.\n");
  EXPECT_THAT(refusal(file), HasSubstr("begins with '# A ', expected 'GGUF'"));
  RawGguf tiny;
  tiny.text("GG");
  EXPECT_THAT(refusal(tiny), HasSubstr("not a GGUF file: 2 bytes"));
}

TEST(GgufReader, SaysThatAFileIsBigEndian) {
  RawGguf file;
  file.text("GGUF").number(__builtin_bswap32(3)).number(uint64_t{0}).number(uint64_t{0});
  EXPECT_THAT(refusal(file, StatusCode::unsupported), HasSubstr("big-endian"));
}

TEST(GgufReader, RefusesOtherVersionsByNumber) {
  EXPECT_THAT(refusal(RawGguf(0, 0, 1), StatusCode::unsupported),
              HasSubstr("GGUF version 1, versions 2 and 3"));
  EXPECT_THAT(refusal(RawGguf(0, 0, 4), StatusCode::unsupported), HasSubstr("GGUF version 4"));
}

TEST(GgufReader, RefusesCountsThatTheFileCannotHold) {
  EXPECT_THAT(refusal(RawGguf(0, kHuge)), HasSubstr("states 18446744073709551615 keys, at most"));
  EXPECT_THAT(refusal(RawGguf(kHuge, 0)), HasSubstr("tensors, at most"));
  EXPECT_THAT(refusal(RawGguf(0, kMaxKeyValues)), HasSubstr("0 are left in the file"));
  EXPECT_THAT(refusal(RawGguf(kMaxTensors, 0)), HasSubstr("0 are left in the file"));
}

TEST(GgufReader, RefusesAStringBeyondTheEndOfTheFile) {
  for (const uint64_t length : {uint64_t{1000}, kHuge, kHuge - 40, uint64_t{1} << 63}) {
    RawGguf value(0, 1);
    value.key("general.name", kString).number(length).zeros(16);
    EXPECT_THAT(refusal(value), AllOf(HasSubstr("key 'general.name' at offset 48"),
                                      HasSubstr("16 are left in the file")));
    RawGguf key(0, 1);
    key.number(length).zeros(16);
    EXPECT_THAT(refusal(key), HasSubstr("key 1 of 1 at offset 24"));
    RawGguf name(1, 0);
    name.number(length).zeros(32);
    EXPECT_THAT(refusal(name), HasSubstr("the name of tensor 0 at offset 24"));
  }
}

TEST(GgufReader, RefusesStringsBeyondTheLimits) {
  RawGguf key(0, 1);
  key.key(std::string(kMaxKeyBytes + 1, 'k'), kU8).zeros(1);
  EXPECT_THAT(refusal(key), HasSubstr("a string of 65536 bytes, at most 65535"));
  RawGguf token(0, 1);
  token.array_key("tokens", kString, 1).string(std::string(kMaxArrayStringBytes + 1, 't'));
  EXPECT_THAT(refusal(token), AllOf(HasSubstr("item 0: key 'tokens'"), HasSubstr("at most")));
  RawGguf name(1, 0);
  name.tensor(std::string(64, 'n'), {1}, kTensorF32, 0).pad_to(32).zeros(4);
  EXPECT_THAT(refusal(name), HasSubstr("64 bytes, at most 63"));
}

TEST(GgufReader, RefusesEmptyNames) {
  RawGguf key(0, 1);
  key.key("", kU8).zeros(2);
  EXPECT_THAT(refusal(key), HasSubstr("empty name"));
  RawGguf tensor(1, 0);
  tensor.tensor("", {1}, kTensorF32, 0).pad_to(32).zeros(4);
  EXPECT_THAT(refusal(tensor), HasSubstr("empty name"));
}

// A few bytes must not make the reader reserve gigabytes.
TEST(GgufReader, RefusesAnArrayThatTheFileCannotHold) {
  for (const uint32_t type : {kU8, kI16, kF32, kU64, kString, kBool}) {
    for (const uint64_t count :
         {uint64_t{17}, kMaxArrayItems, kMaxArrayItems + 1, kHuge, kHuge / 8 + 1, kHuge / 4 + 1}) {
      RawGguf file(0, 1);
      file.array_key("a", type, count).zeros(16);
      EXPECT_THAT(refusal(file), HasSubstr("key 'a' at offset 37")) << type << " " << count;
    }
  }
}

TEST(GgufReader, RefusesNestedArrays) {
  RawGguf file(0, 1);
  file.array_key("a", kArray, 1).number(kU8).number(uint64_t{1}).zeros(1);
  EXPECT_THAT(refusal(file), HasSubstr("array of arrays"));
}

TEST(GgufReader, RefusesTypesThatTheFormatDoesNotHave) {
  RawGguf value(0, 1);
  value.key("a", 13).zeros(8);
  EXPECT_THAT(refusal(value), HasSubstr("key 'a' at offset 33 has type 13"));
  RawGguf item(0, 1);
  item.array_key("a", 13, 1).zeros(8);
  EXPECT_THAT(refusal(item), HasSubstr("items of type 13"));
}

TEST(GgufReader, RefusesABoolThatIsNeitherZeroNorOne) {
  RawGguf value(0, 1);
  value.key("a", kBool).number(uint8_t{2});
  EXPECT_THAT(refusal(value), HasSubstr("a bool is 2"));
  RawGguf item(0, 1);
  item.array_key("a", kBool, 2).number(uint8_t{1}).number(uint8_t{255});
  EXPECT_THAT(refusal(item), HasSubstr("a bool is 255"));
}

TEST(GgufReader, RefusesAnArrayItemThatAnInt64CannotHold) {
  RawGguf file(0, 1);
  file.array_key("a", kU64, 1).number(kHuge);
  EXPECT_THAT(refusal(file), HasSubstr("item 0 is 18446744073709551615"));
}

TEST(GgufReader, RefusesAKeyThatIsThereTwice) {
  RawGguf file(0, 2);
  file.key("a.b", kU8).zeros(1).key("a.b", kU32).zeros(4);
  EXPECT_THAT(refusal(file), HasSubstr("key 'a.b' at offset 40 is there twice"));
}

TEST(GgufReader, RefusesATensorThatIsThereTwice) {
  RawGguf file(2, 0);
  file.tensor("w", {8}, kTensorF32, 0).tensor("w", {8}, kTensorF32, 32).pad_to(32).zeros(64);
  EXPECT_THAT(refusal(file), HasSubstr("tensor 'w' is there twice"));
}

TEST(GgufReader, RefusesAnAlignmentThatIsNone) {
  for (const uint32_t alignment : {0u, 1u, 4u, 12u, 33u, 1u << 25, 1u << 31}) {
    RawGguf file(1, 1);
    file.key("general.alignment", kU32).number(alignment);
    file.tensor("w", {1}, kTensorF32, 0).zeros(200);
    EXPECT_THAT(refusal(file), HasSubstr("key 'general.alignment' is " + std::to_string(alignment) +
                                         ", expected a power of two"));
  }
  RawGguf text(0, 1);
  text.key("general.alignment", kString).string("32");
  EXPECT_THAT(refusal(text), HasSubstr("'general.alignment' is a string, expected an integer"));
  RawGguf negative(0, 1);
  negative.key("general.alignment", kI32).number(int32_t{-32});
  EXPECT_THAT(refusal(negative), HasSubstr("is -32"));
}

TEST(GgufReader, RefusesTooManyDimensions) {
  RawGguf file(1, 0);
  file.tensor("w", {1, 1, 1, 1, 1}, kTensorF32, 0).pad_to(32).zeros(4);
  EXPECT_THAT(refusal(file), HasSubstr("tensor 'w' at offset 33 has 5 dimensions, at most 4"));
}

TEST(GgufReader, RefusesDimensionsOfZeroAndBelow) {
  for (const uint64_t dim : {uint64_t{0}, kHuge, uint64_t{1} << 63}) {
    RawGguf file(1, 0);
    file.tensor("w", {4, dim}, kTensorF32, 0).pad_to(32).zeros(64);
    EXPECT_THAT(refusal(file),
                HasSubstr("tensor 'w' at offset 33: dimension 1 is " + std::to_string(dim)));
  }
}

TEST(GgufReader, RefusesDimensionsWhoseProductWraps) {
  const uint64_t large = uint64_t{1} << 32;
  RawGguf elements(1, 0);
  elements.tensor("w", {large, large}, kTensorF32, 0).pad_to(32).zeros(64);
  EXPECT_THAT(refusal(elements), HasSubstr("the product of its dimensions"));
  // 2^62 elements are a number; their bytes are not.
  RawGguf bytes(1, 0);
  bytes.tensor("w", {uint64_t{1} << 30, large}, kTensorF32, 0).pad_to(32).zeros(64);
  EXPECT_THAT(refusal(bytes), HasSubstr("tensor 'w': its size is not below 2^63"));
  RawGguf row(1, 0);
  row.tensor("w", {uint64_t{1} << 62}, kTensorF32, 0).pad_to(32).zeros(64);
  EXPECT_THAT(refusal(row), HasSubstr("tensor 'w'"));
}

TEST(GgufReader, RefusesARowThatIsNotWholeBlocks) {
  RawGguf file(1, 0);
  file.tensor("w", {128}, kTensorQ4K, 0).pad_to(32).zeros(144);
  EXPECT_THAT(refusal(file), HasSubstr("tensor 'w': a row of 128 weights: Q4_K needs a multiple"));
}

TEST(GgufReader, RefusesATensorTypeThatIsNotKnownByItsNumber) {
  for (const uint32_t type : {4u, 31u, 77u, 0xffffffffu}) {
    RawGguf file(1, 0);
    file.tensor("w", {32}, type, 0).pad_to(32).zeros(144);
    EXPECT_THAT(refusal(file, StatusCode::unsupported),
                AllOf(HasSubstr("tensor 'w'"), HasSubstr("type " + std::to_string(type))));
  }
}

TEST(GgufReader, RefusesATensorBeyondTheEndOfTheFile) {
  RawGguf file(1, 0);
  file.tensor("w", {4}, kTensorF32, 0).pad_to(32).zeros(15);
  EXPECT_THAT(refusal(file), HasSubstr("tensor 'w' lies beyond the end of the file: 16 bytes at "
                                       "offset 0 of the data, which has 15 bytes"));
  for (const uint64_t offset : {uint64_t{32}, kHuge - 31, uint64_t{1} << 63}) {
    RawGguf far(1, 0);
    far.tensor("w", {4}, kTensorF32, offset).pad_to(32).zeros(32);
    EXPECT_THAT(refusal(far), HasSubstr("tensor 'w' lies beyond the end")) << offset;
  }
}

TEST(GgufReader, RefusesAnOffsetThatIsNotAligned) {
  RawGguf file(1, 0);
  file.tensor("w", {4}, kTensorF32, 16).pad_to(32).zeros(64);
  EXPECT_THAT(refusal(file), HasSubstr("tensor 'w': its data begin at 16, expected a multiple of "
                                       "32"));
}

TEST(GgufReader, RefusesTensorsThatOverlap) {
  RawGguf same(2, 0);
  same.tensor("a", {8}, kTensorF32, 0).tensor("b", {8}, kTensorF32, 0).pad_to(32).zeros(64);
  EXPECT_THAT(refusal(same), HasSubstr("overlap"));
  RawGguf part(2, 0);
  part.tensor("b", {8}, kTensorF32, 32).tensor("a", {9}, kTensorF32, 0).pad_to(32).zeros(64);
  EXPECT_THAT(refusal(part), HasSubstr("tensors 'a' and 'b' overlap: the first ends at 36, the "
                                       "second begins at 32"));
}

TEST(GgufReader, ShowsNamesFromTheFileWithoutControlCharacters) {
  RawGguf file(0, 1);
  file.key("\x1b[2Jbad\n", 13).zeros(8);
  EXPECT_THAT(refusal(file), HasSubstr("'\\x1b[2Jbad\\x0a'"));
}

}  // namespace
}  // namespace ix::gguf
