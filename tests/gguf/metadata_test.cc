#include "gguf/metadata.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace ix::gguf {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;

Metadata sample() {
  Metadata metadata;
  EXPECT_TRUE(metadata.insert("count", uint64_t{7}));
  EXPECT_TRUE(metadata.insert("below", int64_t{-7}));
  EXPECT_TRUE(metadata.insert("large", uint64_t{1} << 63));
  EXPECT_TRUE(metadata.insert("scale", 0.5));
  EXPECT_TRUE(metadata.insert("flag", true));
  EXPECT_TRUE(metadata.insert("name", std::string_view("gemma")));
  EXPECT_TRUE(metadata.insert("tokens", StringArray{{"a", "b"}}));
  EXPECT_TRUE(metadata.insert("types", IntArray{{1, 3}}));
  EXPECT_TRUE(metadata.insert("scores", FloatArray{{0.25}}));
  EXPECT_TRUE(metadata.insert("nothing", IntArray{}));
  return metadata;
}

template <typename T>
void expect_wrong(const Result<T>& result, const char* message) {
  ASSERT_FALSE(result.ok());
  EXPECT_EQ(result.status().code(), StatusCode::corrupt);
  EXPECT_THAT(result.status().message(), HasSubstr(message));
}

TEST(Metadata, GivesValuesOfTheTypeThatIsAskedFor) {
  const Metadata metadata = sample();
  EXPECT_EQ(metadata.get_int("count").value(), 7);
  EXPECT_EQ(metadata.get_int("below").value(), -7);
  EXPECT_EQ(metadata.get_float("scale").value(), 0.5);
  EXPECT_TRUE(metadata.get_bool("flag").value());
  EXPECT_EQ(metadata.get_string("name").value(), "gemma");
  EXPECT_THAT(metadata.get_strings("tokens").value(), ElementsAre("a", "b"));
  EXPECT_THAT(metadata.get_ints("types").value(), ElementsAre(1, 3));
  EXPECT_THAT(metadata.get_floats("scores").value(), ElementsAre(0.25));
}

TEST(Metadata, GivesIntegersAsFloats) {
  const Metadata metadata = sample();
  EXPECT_EQ(metadata.get_float("count").value(), 7.0);
  EXPECT_EQ(metadata.get_float("below").value(), -7.0);
}

TEST(Metadata, GivesAnEmptyArrayAsAnArrayOfAnyType) {
  const Metadata metadata = sample();
  EXPECT_THAT(metadata.get_strings("nothing").value(), IsEmpty());
  EXPECT_THAT(metadata.get_floats("nothing").value(), IsEmpty());
}

TEST(Metadata, NamesAKeyThatIsMissing) {
  const auto result = sample().get_int("llama.block_count");
  ASSERT_FALSE(result.ok());
  EXPECT_EQ(result.status().code(), StatusCode::not_found);
  EXPECT_THAT(result.status().message(), HasSubstr("'llama.block_count' is missing"));
}

TEST(Metadata, RefusesValuesOfAnotherType) {
  const Metadata metadata = sample();
  expect_wrong(metadata.get_int("name"), "key 'name' is a string, expected an integer");
  expect_wrong(metadata.get_int("scale"), "is a float, expected an integer");
  expect_wrong(metadata.get_int("flag"), "is a bool, expected an integer");
  expect_wrong(metadata.get_float("name"), "expected a number");
  expect_wrong(metadata.get_bool("count"), "is an unsigned integer, expected a bool");
  expect_wrong(metadata.get_string("below"), "is a signed integer, expected a string");
  expect_wrong(metadata.get_string("tokens"), "is an array of strings, expected a string");
  expect_wrong(metadata.get_strings("types"), "is an array of integers, expected an array of str");
  expect_wrong(metadata.get_ints("tokens"), "expected an array of integers");
  expect_wrong(metadata.get_floats("types"), "expected an array of floats");
}

TEST(Metadata, RefusesAnIntegerThatDoesNotFit) {
  expect_wrong(sample().get_int("large"), "key 'large' is 9223372036854775808");
}

TEST(Metadata, KeepsTheOrderOfTheFileAndRefusesDuplicates) {
  Metadata metadata = sample();
  EXPECT_FALSE(metadata.insert("count", uint64_t{8}));
  EXPECT_EQ(metadata.get_int("count").value(), 7);
  EXPECT_EQ(metadata.entries()[0].key, "count");
  EXPECT_EQ(metadata.entries()[9].key, "nothing");
  EXPECT_EQ(metadata.entries().size(), 10u);
}

}  // namespace
}  // namespace ix::gguf
