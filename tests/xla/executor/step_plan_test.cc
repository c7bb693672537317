#include "backend/xla/step_plan.h"

#include <gmock/gmock.h>

namespace ix::backend::xla {
namespace {

using ::testing::HasSubstr;

const KvInfo kKv{.tokens_per_block = 40,
                 .groups = {{.window = 0, .blocks = 4}, {.window = 8, .blocks = 4}},
                 .can_share = false,
                 .can_copy = true,
                 .bytes_per_token = 1};

struct Planned {
  Status status;
  StepPlan plan;
};

// Sequences {rows, start, slot} in order.
Planned planned(const std::vector<std::array<int32_t, 3>>& sequences,
                PlanRows programs = {.chunk = 16}) {
  std::vector<BlockId> blocks;
  for (const auto& [rows, start, slot] : sequences) blocks.push_back(slot);
  std::vector<std::vector<std::span<const BlockId>>> tables;
  std::vector<SequenceRows> step;
  int32_t row = 0;
  tables.reserve(sequences.size());
  for (size_t i = 0; i < sequences.size(); ++i) {
    const std::span<const BlockId> table = std::span(blocks).subspan(i, 1);
    tables.push_back({table, table});
    step.push_back({.first_row = row,
                    .rows = sequences[i][0],
                    .start = sequences[i][1],
                    .block_tables = tables.back()});
    row += sequences[i][0];
  }
  Planned out;
  out.status = plan_step({.tokens = {}, .sequences = step, .wants = {}}, kKv, programs, out.plan);
  return out;
}

TEST(StepPlan, MixesPromptsAndDecodeRows) {
  const auto [status, plan] = planned({{1, 7, 2}, {20, 3, 0}, {1, 0, 3}});
  ASSERT_TRUE(status.ok());
  ASSERT_EQ(plan.prefills.size(), 2U);
  EXPECT_EQ(plan.prefills[0].slot, 0);
  EXPECT_EQ(plan.prefills[0].first_row, 1);
  EXPECT_EQ(plan.prefills[0].rows, 16);
  EXPECT_EQ(plan.prefills[0].start, 3);
  EXPECT_EQ(plan.prefills[1].first_row, 17);
  EXPECT_EQ(plan.prefills[1].rows, 4);
  EXPECT_EQ(plan.prefills[1].start, 19);
  ASSERT_EQ(plan.decodes.size(), 2U);
  EXPECT_EQ(plan.decodes[0].slot, 2);
  EXPECT_EQ(plan.decodes[0].first_row, 0);
  EXPECT_EQ(plan.decodes[0].start, 7);
  EXPECT_EQ(plan.decodes[1].first_row, 21);
}

// The row that a chunk leaves over costs a decode row, not a chunk.
TEST(StepPlan, DecodesTheRowThatIsLeftOver) {
  const auto [status, plan] = planned({{17, 5, 1}});
  ASSERT_TRUE(status.ok());
  ASSERT_EQ(plan.prefills.size(), 1U);
  ASSERT_EQ(plan.decodes.size(), 1U);
  EXPECT_EQ(plan.decodes[0].first_row, 16);
  EXPECT_EQ(plan.decodes[0].start, 21);
}

// Tokens that were guessed ahead are decoded with the row before them; prompts are not.
TEST(StepPlan, DecodesAsManyRowsAsAProgramTakes) {
  const auto [status, plan] =
      planned({{3, 5, 1}, {4, 0, 2}, {18, 0, 3}}, {.chunk = 16, .decode = 3});
  ASSERT_TRUE(status.ok());
  ASSERT_EQ(plan.decodes.size(), 1U);
  EXPECT_EQ(plan.decodes[0].slot, 1);
  EXPECT_EQ(plan.decodes[0].first_row, 0);
  EXPECT_EQ(plan.decodes[0].rows, 3);
  EXPECT_EQ(plan.decodes[0].start, 5);
  ASSERT_EQ(plan.prefills.size(), 3U);
  EXPECT_EQ(plan.prefills[0].rows, 4);
  EXPECT_EQ(plan.prefills[1].rows, 16);
  EXPECT_EQ(plan.prefills[2].rows, 2);
}

TEST(StepPlan, FillsASlotToItsEnd) {
  EXPECT_TRUE(planned({{40, 0, 1}}).status.ok());
  const Status beyond = planned({{30, 11, 1}}).status;
  EXPECT_EQ(beyond.code(), StatusCode::invalid_argument);
  EXPECT_THAT(beyond.message(), HasSubstr("ends at 41: a slot holds 40"));
}

TEST(StepPlan, RefusesTwoSequencesInOneSlot) {
  const Status status = planned({{1, 0, 1}, {1, 0, 2}, {2, 4, 1}}).status;
  EXPECT_EQ(status.code(), StatusCode::invalid_argument);
  EXPECT_THAT(status.message(), HasSubstr("sequences 0 and 2"));
}

}  // namespace
}  // namespace ix::backend::xla
