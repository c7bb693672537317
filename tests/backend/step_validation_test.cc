#include "backend/step_validation.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <functional>
#include <limits>

namespace ix::backend {
namespace {

using ::testing::HasSubstr;

// A decode step of two sequences that is right, to be spoiled: group 0 keeps everything, group 1
// has a window of 5, blocks are of 4 tokens.
struct Fixture {
  KvInfo kv{.tokens_per_block = 4,
            .groups = {{.window = 0, .blocks = 10}, {.window = 5, .blocks = 6}},
            .can_share = true,
            .can_copy = true,
            .bytes_per_token = 1};
  std::vector<TokenId> tokens = {7, 8, 9};
  std::vector<RowWant> wants = {{}, {Want::argmax}, {Want::top_k, 256}};
  std::vector<BlockId> full_a = {0, 9, 3, 4};
  std::vector<BlockId> windowed_a = {kNoBlock, 5, 0, 1};
  std::vector<BlockId> full_b = {7};
  std::vector<BlockId> windowed_b = {2};
  // a: positions 11 and 12; the window of row 11 begins at 7, in block 1. b: position 0.
  Position start_a = 11;
  Position start_b = 0;
  int32_t max_rows = 3;

  Status validate() const {
    const std::vector<std::span<const BlockId>> tables_a = {full_a, windowed_a};
    const std::vector<std::span<const BlockId>> tables_b = {full_b, windowed_b};
    const std::vector<SequenceRows> rows = {{0, 2, start_a, tables_a}, {2, 1, start_b, tables_b}};
    return validate_step({.tokens = tokens, .sequences = rows, .wants = wants},
                         {.vocab_size = 10, .max_rows = max_rows}, kv);
  }
};

TEST(StepValidation, TakesAStepThatIsRight) {
  EXPECT_TRUE(Fixture().validate().ok()) << Fixture().validate().message();
}

TEST(StepValidation, NamesWhatIsWrong) {
  const std::vector<std::pair<std::function<void(Fixture&)>, std::string>> cases = {
      {[](Fixture& f) { f.tokens[1] = 10; }, "row 1: token 10 is outside the vocabulary of 10"},
      {[](Fixture& f) { f.tokens[2] = -1; }, "row 2: token -1"},
      {[](Fixture& f) { f.wants[2].k = 257; }, "row 2: top_k of 257 is outside 1 .. 256"},
      {[](Fixture& f) { f.wants[2].k = 0; }, "row 2: top_k of 0"},
      {[](Fixture& f) { f.wants.pop_back(); }, "2 wants for 3 rows"},
      {[](Fixture& f) { f.max_rows = 2; }, "3 rows: this executor takes at most 2"},
      {[](Fixture& f) { f.full_a[1] = 10; },
       "sequence 0 of the step: KV group 0: entry 1 of the table is block 10, outside the pool of"},
      {[](Fixture& f) { f.windowed_b[0] = -2; }, "sequence 1 of the step: KV group 1: entry 0"},
      {[](Fixture& f) { f.windowed_a[0] = 6; }, "outside the pool of 6"},
      {[](Fixture& f) { f.windowed_a[1] = kNoBlock; }, "the window still needs it"},
      {[](Fixture& f) { f.full_a[0] = kNoBlock; }, "the window still needs it"},
      {[](Fixture& f) { f.windowed_a.pop_back(); }, "3 blocks of 4 tokens does not cover 13"},
      {[](Fixture& f) { f.start_b = -1; }, "positions -1 .. -1"},
      {[](Fixture& f) { f.start_a = std::numeric_limits<Position>::max(); }, "are outside 0"},
      {[](Fixture& f) { f.start_b = 4; }, "does not cover 5 positions"},
      {[](Fixture& f) {
         f.tokens = {1, 2};
         f.wants.pop_back();
       },
       "3 rows, the step has 2 tokens"},
      {[](Fixture& f) { f.kv.groups.pop_back(); }, "2 block tables for 1 KV groups"},
  };
  for (const auto& [spoil, message] : cases) {
    Fixture fixture;
    spoil(fixture);
    const Status status = fixture.validate();
    EXPECT_EQ(status.code(), StatusCode::invalid_argument) << message;
    EXPECT_THAT(status.message(), HasSubstr(message));
  }
}

TEST(StepValidation, NeedsBlocksFromTheFirstRowsWindowOn) {
  Fixture fixture;
  // Row 12 alone would see positions 8 .. 12, but row 11 sees 7, which is in block 1.
  fixture.start_a = 12;
  fixture.windowed_a = {kNoBlock, kNoBlock, 0, 1};
  EXPECT_TRUE(fixture.validate().ok());
  fixture.start_a = 11;
  EXPECT_FALSE(fixture.validate().ok());
}

TEST(StepValidation, FirstVisibleIsTheWindowsFirstPosition) {
  EXPECT_EQ(first_visible(100, 0), 0);
  EXPECT_EQ(first_visible(4, 5), 0);
  EXPECT_EQ(first_visible(5, 5), 1);
  EXPECT_EQ(first_visible(100, 1), 100);
}

TEST(StepValidation, RefusesCopiesOutsideThePool) {
  const Fixture fixture;
  const auto copy = [&](int32_t group, std::vector<BlockId> from, std::vector<BlockId> to) {
    return validate_copy(group, from, to, fixture.kv).message();
  };
  EXPECT_EQ(copy(0, {0, 9}, {9, 1}), "");
  EXPECT_THAT(copy(1, {0}, {6}), HasSubstr("block 6 is outside the pool of 6"));
  EXPECT_THAT(copy(1, {-1}, {0}), HasSubstr("block -1"));
  EXPECT_THAT(copy(2, {0}, {0}), HasSubstr("KV group 2 is outside 0 .. 1"));
  EXPECT_THAT(copy(0, {0}, {}), HasSubstr("from 1 blocks to 0"));
}

}  // namespace
}  // namespace ix::backend
