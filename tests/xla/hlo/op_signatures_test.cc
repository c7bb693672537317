#include "backend/xla/hlo/op_signatures.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace ix::backend::xla::hlo {
namespace {

using ::testing::HasSubstr;

TEST(OpSignatures, AreReadFromLines) {
  const Result<OpSignatures> list = OpSignatures::parse(
      "# comment\n"
      "add\tf32 s32\tT,T\tT\t-\tsomewhere\n"
      "sort\tf32\tT,s32*\ttuple\tcalls=compare\tassumed: a reason\n"
      "compare\tf32\tT,T\tpred\tdirection=LT|GT\tsomewhere\n"
      "tuple\t-\tany*\ttuple\t-\tsomewhere\n");
  ASSERT_TRUE(list.ok()) << list.status().message();
  EXPECT_EQ(list->find({"add", {"s32", "s32"}, "s32", "", ""})->source, "somewhere");
  EXPECT_FALSE(list->find({"add", {"s32", "f32"}, "s32", "", ""}));
  EXPECT_FALSE(list->find({"add", {"s32"}, "s32", "", ""}));
  EXPECT_FALSE(list->find({"add", {"bf16", "bf16"}, "bf16", "", ""}));
  const auto sort = list->find({"sort", {"f32", "s32", "s32"}, "tuple", "", "compare"});
  ASSERT_TRUE(sort);
  EXPECT_TRUE(sort->assumed);
  EXPECT_EQ(sort->source, "a reason");
  EXPECT_TRUE(list->find({"sort", {"f32"}, "tuple", "", "compare"}));
  EXPECT_FALSE(list->find({"sort", {"f32"}, "tuple", "", "add"}));
  EXPECT_TRUE(list->find({"compare", {"f32", "f32"}, "pred", "GT", ""}));
  EXPECT_FALSE(list->find({"compare", {"f32", "f32"}, "pred", "EQ", ""}));
  EXPECT_TRUE(list->find({"tuple", {}, "tuple", "", ""}));
  EXPECT_TRUE(list->find({"tuple", {"u8", "f32"}, "tuple", "", ""}));
}

TEST(OpSignatures, PreferALineWithASource) {
  const Result<OpSignatures> list = OpSignatures::parse(
      "abs\tf32\tT\tT\t-\tassumed: a reason\n"
      "abs\tf32\tT\tT\t-\tsomewhere\n");
  ASSERT_TRUE(list.ok());
  EXPECT_FALSE(list->find({"abs", {"f32"}, "f32", "", ""})->assumed);
}

TEST(OpSignatures, AreGivenOneByOne) {
  const Result<OpSignatures> list = OpSignatures::parse(
      "add\tf32 s32\tT,T\tT\t-\tsomewhere\n"
      "add\ts32\tT,T\tT\t-\tassumed: a reason\n"
      "convert\tbf16\ts8\tT\t-\tsomewhere\n"
      "compare\tpred\tT,T\tpred\tdirection=EQ|NE\tsomewhere\n"
      "reduce\tf32\tT\tT\tcalls=add|maximum\tsomewhere\n"
      "sort\tf32\tT,s32*\ttuple\tcalls=compare\tsomewhere\n"
      "tuple\t-\tany*\ttuple\t-\tsomewhere\n");
  ASSERT_TRUE(list.ok()) << list.status().message();
  const std::vector<OpSignature> expected = {
      {"add", {"f32", "f32"}, "f32", "", ""},
      {"add", {"s32", "s32"}, "s32", "", ""},
      {"convert", {"s8"}, "bf16", "", ""},
      {"compare", {"pred", "pred"}, "pred", "EQ", ""},
      {"compare", {"pred", "pred"}, "pred", "NE", ""},
      {"reduce", {"f32"}, "f32", "", "add"},
      {"reduce", {"f32"}, "f32", "", "maximum"},
      {"sort", {"f32", "s32"}, "tuple", "", "compare"},
      {"tuple", {"f32"}, "tuple", "", ""},
  };
  EXPECT_EQ(list->all(), expected);
}

TEST(OpSignatures, RefuseLinesThatAreNone) {
  for (const char* text : {"add\tf32\tT,T\tT\t-", "add\tf32\tT,T\tT\t-\t",
                           "add\tf32\tT,T\tT\tcolour=red\tsomewhere", "add"}) {
    const Result<OpSignatures> list = OpSignatures::parse(text);
    ASSERT_FALSE(list.ok()) << text;
    EXPECT_EQ(list.status().code(), StatusCode::corrupt);
    EXPECT_THAT(list.status().message(), HasSubstr("line 1"));
  }
}

TEST(OpSignatures, OfNeuronNameTheirSources) {
  const auto known = OpSignatures::neuron().find({"rsqrt", {"bf16"}, "bf16", "", ""});
  ASSERT_TRUE(known);
  EXPECT_EQ(known->source, "transformers-neuronx");
  EXPECT_FALSE(known->assumed);
}

}  // namespace
}  // namespace ix::backend::xla::hlo
