#include "backend/xla/sharding/shard_plan.h"

#include <gmock/gmock.h>

#include <algorithm>

#include "backend/small_models.h"
#include "gguf/gguf_file.h"
#include "model/model.h"
#include "support/tiny_models.h"

namespace ix::backend::xla {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;

ShardPlan plan_of(const graph::Decoder& decoder, int ranks) {
  const auto plan = plan_shards(decoder, ranks);
  EXPECT_TRUE(plan.ok()) << plan.status().message();
  return plan.ok() ? *plan : ShardPlan{};
}

graph::ValueId value_named(const graph::Decoder& decoder, const std::string& name) {
  for (size_t i = 0; i < decoder.values.size(); ++i) {
    if (decoder.values[i].name == name) return static_cast<graph::ValueId>(i);
  }
  ADD_FAILURE() << "no value " << name;
  return 0;
}

// Every column of the value is on some rank; on exactly one unless `repeats`.
void expect_covered(const graph::Decoder& decoder, const ShardPlan& plan, graph::ValueId id,
                    bool repeats) {
  const auto index = static_cast<size_t>(id);
  std::vector<int> count(static_cast<size_t>(decoder.values[index].width), 0);
  for (int rank = 0; rank < plan.ranks; ++rank) {
    const auto columns = plan.columns(id, rank);
    ASSERT_EQ(static_cast<int64_t>(columns.size()), plan.values[index].local_width);
    for (const int32_t column : columns) {
      if (column != kPad) ++count[static_cast<size_t>(column)];
    }
  }
  for (const int times : count) {
    if (repeats) {
      EXPECT_GE(times, 1) << decoder.values[index].name;
    } else {
      EXPECT_EQ(times, 1) << decoder.values[index].name;
    }
  }
}

void expect_all_covered(const graph::Decoder& decoder, int ranks) {
  const ShardPlan plan = plan_of(decoder, ranks);
  for (size_t i = 0; i < decoder.values.size(); ++i) {
    const int32_t split = plan.values[i].split;
    const bool repeats =
        split < 0 || plan.splits[static_cast<size_t>(split)].kind == SplitKind::kv_heads;
    expect_covered(decoder, plan, static_cast<graph::ValueId>(i), repeats);
  }
}

TEST(ShardPlan, HoldsEveryColumnOfEveryModel) {
  for (const int ranks : {1, 2, 4, 8, 12, 24}) {
    SCOPED_TRACE(ranks);
    for (const auto& model : testing::small_models()) {
      SCOPED_TRACE(model->name);
      expect_all_covered(model->decoder, ranks);
    }
    for (const char* name : tiny::kCases) {
      SCOPED_TRACE(name);
      const tiny::Case item = tiny::load_case(name);
      const auto file = gguf::GgufFile::open(item.path);
      ASSERT_TRUE(file.ok()) << file.status().message();
      const auto decoder = model::build_decoder(**file, {.context_length = item.context_length});
      ASSERT_TRUE(decoder.ok()) << decoder.status().message();
      expect_all_covered(*decoder, ranks);
    }
  }
}

// "uneven": 6 query heads of 20 and 2 KV heads, FFN 77, vocabulary 163, interleaved rope.
TEST(ShardPlan, SplitsHeadsFfnAndVocabulary) {
  const auto model = testing::make_uneven_model();
  const graph::Decoder& decoder = model->decoder;
  const ShardPlan plan = plan_of(decoder, 2);
  EXPECT_EQ(plan.layout(value_named(decoder, "blk.0.q.0")).local_width, 60);
  EXPECT_EQ(plan.layout(value_named(decoder, "blk.0.k.0")).local_width, 20);
  EXPECT_EQ(plan.layout(value_named(decoder, "blk.0.v.0")).local_width, 12);
  EXPECT_EQ(plan.layout(value_named(decoder, "blk.0.o.0")).local_width, 60);
  EXPECT_FALSE(plan.is_split(value_named(decoder, "blk.0.o.0")));
  EXPECT_EQ(plan.layout(value_named(decoder, "blk.0.gate.0")).local_width, 39);
  EXPECT_EQ(plan.layout(decoder.logits).local_width, 82);
  EXPECT_EQ(plan.columns(decoder.logits, 1).back(), kPad);
  EXPECT_EQ(plan.columns(decoder.logits, 1).front(), 82);
}

TEST(ShardPlan, PutsInterleavedPairsIntoHalves) {
  const auto model = testing::make_uneven_model();
  const ShardPlan plan = plan_of(model->decoder, 2);
  const auto columns = plan.columns(value_named(model->decoder, "blk.0.k.0"), 1);
  // The second KV head: columns 20 .. 39 of the graph, even ones first.
  EXPECT_THAT(columns, ElementsAre(20, 22, 24, 26, 28, 30, 32, 34, 36, 38, 21, 23, 25, 27, 29, 31,
                                   33, 35, 37, 39));
  const auto values = plan.columns(value_named(model->decoder, "blk.0.v.0"), 1);
  EXPECT_THAT(values, ElementsAre(12, 13, 14, 15, 16, 17, 18, 19, 20, 21, 22, 23));
}

TEST(ShardPlan, TellsTheWaste) {
  const std::string text = to_text(plan_of(testing::make_uneven_model()->decoder, 4));
  // 6 query heads on 2 KV heads: 4 pieces of at most 2 of a group's 3.
  EXPECT_THAT(text, HasSubstr("6 query heads over 4 ranks: 2 on each, 33.3 % padding\n"));
  EXPECT_THAT(text, HasSubstr("2 KV heads over 4 ranks: 1 on each, 100.0 % padding and copies\n"));
  EXPECT_THAT(text, HasSubstr("77 FFN columns over 4 ranks: 20 on each, 3.9 % padding\n"));
  EXPECT_EQ(to_text(plan_of(testing::make_uneven_model()->decoder, 1)), "");
}

TEST(ShardPlan, RefusesWhatItCannotSplit) {
  const auto model = testing::make_uneven_model();
  EXPECT_EQ(plan_shards(model->decoder, 0).status().code(), StatusCode::invalid_argument);
  graph::Decoder whole = model->decoder;
  for (graph::Op& op : whole.ops) {
    if (auto* linear = std::get_if<graph::Linear>(&op)) linear->parallel = graph::Parallel::none;
  }
  EXPECT_TRUE(plan_shards(whole, 1).ok());
  const auto refused = plan_shards(whole, 2);
  ASSERT_FALSE(refused.ok());
  EXPECT_EQ(refused.status().code(), StatusCode::unsupported);
  EXPECT_THAT(refused.status().message(), HasSubstr("blk.0.q"));
}

}  // namespace
}  // namespace ix::backend::xla
