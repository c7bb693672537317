// What the reader accepts and what it refuses, one malformed file a test.
#include "gguf/container.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cstring>
#include <limits>
#include <string>
#include <vector>

#include "gguf/limits.h"
#include "gguf/raw_gguf.h"

namespace ix::gguf {
namespace {

using ::testing::AllOf;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::SizeIs;
using ::testing::StartsWith;

constexpr uint64_t kHuge = std::numeric_limits<uint64_t>::max();
constexpr uint32_t kTypeF32 = 0;
constexpr uint32_t kTypeQ4K = 12;

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

// Two keys, a tensor of 4 floats and one of a block of Q4_K behind it.
RawGguf small_file(uint32_t version = 3) {
  RawGguf file(2, 2, version);
  file.key("general.architecture", kString).string("llama");
  file.array_key("tokenizer.ggml.tokens", kString, 2).string("a").string("bc");
  file.tensor("a.weight", {2, 2}, kTypeF32, 0).tensor("b.weight", {256}, kTypeQ4K, 32);
  file.pad_to(32);
  for (const float value : {1.0f, 2.0f, 3.0f, 4.0f}) file.number(value);
  file.pad_to(32).zeros(144).pad_to(32);
  return file;
}

TEST(GgufReader, ReadsKeysAndTensorsOfBothVersions) {
  for (const uint32_t version : {2u, 3u}) {
    const RawGguf file = small_file(version);
    const auto container = read(file);
    ASSERT_TRUE(container.ok()) << container.status().message();
    EXPECT_EQ(container->version, version);
    EXPECT_EQ(container->metadata.get_string("general.architecture").value(), "llama");
    EXPECT_THAT(container->metadata.get_strings("tokenizer.ggml.tokens").value(),
                ElementsAre("a", "bc"));
    ASSERT_THAT(container->tensors, SizeIs(2));
    const quant::TensorView& a = container->tensors[0];
    EXPECT_EQ(a.name, "a.weight");
    EXPECT_EQ(a.type, quant::TensorType::f32);
    EXPECT_THAT(a.dims, ElementsAre(2, 2, 1, 1));
    float values[4];
    ASSERT_EQ(a.bytes.size(), sizeof(values));
    std::memcpy(values, a.bytes.data(), sizeof(values));
    EXPECT_THAT(values, ElementsAre(1, 2, 3, 4));
    EXPECT_THAT(container->tensors[1].bytes, SizeIs(144));
  }
}

TEST(GgufReader, ReadsEveryTypeOfValue) {
  RawGguf file(0, 12);
  file.key("u8", kU8).number(uint8_t{200}).key("i8", kI8).number(int8_t{-100});
  file.key("u16", kU16).number(uint16_t{60000}).key("i16", kI16).number(int16_t{-30000});
  file.key("u32", kU32).number(uint32_t{4000000000}).key("i32", kI32).number(int32_t{-2000000000});
  file.key("f32", kF32).number(0.25f).key("bool", kBool).number(uint8_t{1});
  file.key("string", kString).string("text").key("u64", kU64).number(kHuge);
  file.key("i64", kI64).number(std::numeric_limits<int64_t>::min()).key("f64", kF64).number(0.1);
  const auto container = read(file);
  ASSERT_TRUE(container.ok()) << container.status().message();
  const Metadata& metadata = container->metadata;
  EXPECT_EQ(*metadata.find("u8"), Value(uint64_t{200}));
  EXPECT_EQ(*metadata.find("i8"), Value(int64_t{-100}));
  EXPECT_EQ(*metadata.find("u16"), Value(uint64_t{60000}));
  EXPECT_EQ(*metadata.find("i16"), Value(int64_t{-30000}));
  EXPECT_EQ(*metadata.find("u32"), Value(uint64_t{4000000000}));
  EXPECT_EQ(*metadata.find("i32"), Value(int64_t{-2000000000}));
  EXPECT_EQ(*metadata.find("f32"), Value(0.25));
  EXPECT_EQ(*metadata.find("bool"), Value(true));
  EXPECT_EQ(*metadata.find("string"), Value(std::string_view("text")));
  EXPECT_EQ(*metadata.find("u64"), Value(kHuge));
  EXPECT_EQ(*metadata.find("i64"), Value(std::numeric_limits<int64_t>::min()));
  EXPECT_EQ(*metadata.find("f64"), Value(0.1));
}

TEST(GgufReader, ReadsArraysOfEveryType) {
  RawGguf file(0, 12);
  file.array_key("u8", kU8, 2).number(uint8_t{0}).number(uint8_t{255});
  file.array_key("i8", kI8, 1).number(int8_t{-1});
  file.array_key("u16", kU16, 1).number(uint16_t{65535});
  file.array_key("i16", kI16, 1).number(int16_t{-2});
  file.array_key("u32", kU32, 1).number(uint32_t{4294967295});
  file.array_key("i32", kI32, 1).number(int32_t{-3});
  file.array_key("u64", kU64, 1).number(uint64_t{1} << 62);
  file.array_key("i64", kI64, 1).number(int64_t{-4});
  file.array_key("bool", kBool, 2).number(uint8_t{1}).number(uint8_t{0});
  file.array_key("f32", kF32, 1).number(0.5f);
  file.array_key("f64", kF64, 1).number(-0.1);
  file.array_key("empty", kString, 0);
  const auto container = read(file);
  ASSERT_TRUE(container.ok()) << container.status().message();
  const Metadata& metadata = container->metadata;
  EXPECT_THAT(metadata.get_ints("u8").value(), ElementsAre(0, 255));
  EXPECT_THAT(metadata.get_ints("i8").value(), ElementsAre(-1));
  EXPECT_THAT(metadata.get_ints("u16").value(), ElementsAre(65535));
  EXPECT_THAT(metadata.get_ints("i16").value(), ElementsAre(-2));
  EXPECT_THAT(metadata.get_ints("u32").value(), ElementsAre(4294967295));
  EXPECT_THAT(metadata.get_ints("i32").value(), ElementsAre(-3));
  EXPECT_THAT(metadata.get_ints("u64").value(), ElementsAre(int64_t{1} << 62));
  EXPECT_THAT(metadata.get_ints("i64").value(), ElementsAre(-4));
  EXPECT_THAT(metadata.get_ints("bool").value(), ElementsAre(1, 0));
  EXPECT_THAT(metadata.get_floats("f32").value(), ElementsAre(0.5));
  EXPECT_THAT(metadata.get_floats("f64").value(), ElementsAre(-0.1));
  EXPECT_THAT(metadata.get_strings("empty").value(), SizeIs(0));
}

// Vocabulary files end with their metadata, padded or not.
TEST(GgufReader, TakesAFileWithoutTensors) {
  RawGguf file(0, 1);
  file.key("a", kU8).number(uint8_t{1});
  EXPECT_TRUE(read(file).ok());
  EXPECT_TRUE(read(RawGguf(0, 0)).ok());
}

TEST(GgufReader, TakesTensorsInAnyOrderOfTheirOffsets) {
  RawGguf file(2, 0);
  file.tensor("late", {4}, kTypeF32, 32).tensor("early", {8}, kTypeF32, 0).pad_to(32).zeros(48);
  EXPECT_TRUE(read(file).ok());
}

TEST(GgufReader, UsesTheAlignmentOfTheFile) {
  RawGguf file(2, 1);
  file.key("general.alignment", kU32).number(uint32_t{8});
  file.tensor("a", {1}, kTypeF32, 0).tensor("b", {1}, kTypeF32, 8).pad_to(8);
  file.number(1.5f).number(0.0f).number(2.5f);
  const auto container = read(file);
  ASSERT_TRUE(container.ok()) << container.status().message();
  float value;
  std::memcpy(&value, container->tensors[1].bytes.data(), sizeof(value));
  EXPECT_EQ(value, 2.5f);
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
  name.tensor(std::string(64, 'n'), {1}, kTypeF32, 0).pad_to(32).zeros(4);
  EXPECT_THAT(refusal(name), HasSubstr("64 bytes, at most 63"));
}

TEST(GgufReader, RefusesEmptyNames) {
  RawGguf key(0, 1);
  key.key("", kU8).zeros(2);
  EXPECT_THAT(refusal(key), HasSubstr("empty name"));
  RawGguf tensor(1, 0);
  tensor.tensor("", {1}, kTypeF32, 0).pad_to(32).zeros(4);
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
  file.tensor("w", {8}, kTypeF32, 0).tensor("w", {8}, kTypeF32, 32).pad_to(32).zeros(64);
  EXPECT_THAT(refusal(file), HasSubstr("tensor 'w' is there twice"));
}

TEST(GgufReader, RefusesAnAlignmentThatIsNone) {
  for (const uint32_t alignment : {0u, 1u, 4u, 12u, 33u, 1u << 25, 1u << 31}) {
    RawGguf file(1, 1);
    file.key("general.alignment", kU32).number(alignment);
    file.tensor("w", {1}, kTypeF32, 0).zeros(200);
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
  file.tensor("w", {1, 1, 1, 1, 1}, kTypeF32, 0).pad_to(32).zeros(4);
  EXPECT_THAT(refusal(file), HasSubstr("tensor 'w' at offset 33 has 5 dimensions, at most 4"));
}

TEST(GgufReader, RefusesDimensionsOfZeroAndBelow) {
  for (const uint64_t dim : {uint64_t{0}, kHuge, uint64_t{1} << 63}) {
    RawGguf file(1, 0);
    file.tensor("w", {4, dim}, kTypeF32, 0).pad_to(32).zeros(64);
    EXPECT_THAT(refusal(file),
                HasSubstr("tensor 'w' at offset 33: dimension 1 is " + std::to_string(dim)));
  }
}

TEST(GgufReader, RefusesDimensionsWhoseProductWraps) {
  const uint64_t large = uint64_t{1} << 32;
  RawGguf elements(1, 0);
  elements.tensor("w", {large, large}, kTypeF32, 0).pad_to(32).zeros(64);
  EXPECT_THAT(refusal(elements), HasSubstr("the product of its dimensions"));
  // 2^62 elements are a number; their bytes are not.
  RawGguf bytes(1, 0);
  bytes.tensor("w", {uint64_t{1} << 30, large}, kTypeF32, 0).pad_to(32).zeros(64);
  EXPECT_THAT(refusal(bytes), HasSubstr("tensor 'w': its size is not below 2^63"));
  RawGguf row(1, 0);
  row.tensor("w", {uint64_t{1} << 62}, kTypeF32, 0).pad_to(32).zeros(64);
  EXPECT_THAT(refusal(row), HasSubstr("tensor 'w'"));
}

TEST(GgufReader, RefusesARowThatIsNotWholeBlocks) {
  RawGguf file(1, 0);
  file.tensor("w", {128}, kTypeQ4K, 0).pad_to(32).zeros(144);
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
  file.tensor("w", {4}, kTypeF32, 0).pad_to(32).zeros(15);
  EXPECT_THAT(refusal(file), HasSubstr("tensor 'w' lies beyond the end of the file: 16 bytes at "
                                       "offset 0 of the data, which has 15 bytes"));
  for (const uint64_t offset : {uint64_t{32}, kHuge - 31, uint64_t{1} << 63}) {
    RawGguf far(1, 0);
    far.tensor("w", {4}, kTypeF32, offset).pad_to(32).zeros(32);
    EXPECT_THAT(refusal(far), HasSubstr("tensor 'w' lies beyond the end")) << offset;
  }
}

TEST(GgufReader, RefusesAnOffsetThatIsNotAligned) {
  RawGguf file(1, 0);
  file.tensor("w", {4}, kTypeF32, 16).pad_to(32).zeros(64);
  EXPECT_THAT(refusal(file), HasSubstr("tensor 'w': its data begin at 16, expected a multiple of "
                                       "32"));
}

TEST(GgufReader, RefusesTensorsThatOverlap) {
  RawGguf same(2, 0);
  same.tensor("a", {8}, kTypeF32, 0).tensor("b", {8}, kTypeF32, 0).pad_to(32).zeros(64);
  EXPECT_THAT(refusal(same), HasSubstr("overlap"));
  RawGguf part(2, 0);
  part.tensor("b", {8}, kTypeF32, 32).tensor("a", {9}, kTypeF32, 0).pad_to(32).zeros(64);
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
