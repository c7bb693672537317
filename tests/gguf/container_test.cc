// What the reader accepts.
#include "gguf/container.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cstring>
#include <limits>
#include <string>

#include "gguf/raw_gguf.h"

namespace ix::gguf {
namespace {

using ::testing::ElementsAre;
using ::testing::SizeIs;

constexpr uint64_t kHuge = std::numeric_limits<uint64_t>::max();

Result<Container> read(const RawGguf& file) { return read_container("m.gguf", file.bytes()); }

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
  file.tensor("late", {4}, kTensorF32, 32).tensor("early", {8}, kTensorF32, 0).pad_to(32).zeros(48);
  EXPECT_TRUE(read(file).ok());
}

TEST(GgufReader, UsesTheAlignmentOfTheFile) {
  RawGguf file(2, 1);
  file.key("general.alignment", kU32).number(uint32_t{8});
  file.tensor("a", {1}, kTensorF32, 0).tensor("b", {1}, kTensorF32, 8).pad_to(8);
  file.number(1.5f).number(0.0f).number(2.5f);
  const auto container = read(file);
  ASSERT_TRUE(container.ok()) << container.status().message();
  float value;
  std::memcpy(&value, container->tensors[1].bytes.data(), sizeof(value));
  EXPECT_EQ(value, 2.5f);
}

}  // namespace
}  // namespace ix::gguf
