#include "backend/xla/program_set.h"

#include <gmock/gmock.h>

#include "backend/small_models.h"
#include "backend/xla/model_plan.h"

namespace ix::backend::xla {
namespace {

using ::testing::ElementsAre;

graph::Decoder layers(size_t count) {
  graph::Decoder decoder;
  decoder.layers.resize(count);
  return decoder;
}

ProgramSet planned(int64_t slots, int64_t context, const ProgramSetOptions& options) {
  const auto set = plan_programs(layers(5), slots, context, options);
  EXPECT_TRUE(set.ok()) << set.status().message();
  return *set;
}

TEST(ProgramSet, ReadsAQuarterOfALongContextWhereThatIsEnough) {
  const ProgramSet set = planned(4, 4096, {});
  EXPECT_EQ(set.cache.positions, 4096 + 128);
  EXPECT_THAT(set.buckets, ElementsAre(1024, 4224));
  EXPECT_EQ(set.bucket_for(1), 1024);
  EXPECT_EQ(set.bucket_for(1024), 1024);
  EXPECT_EQ(set.bucket_for(1025), 4224);
  EXPECT_EQ(set.bucket_for(4096), 4224);
  EXPECT_THAT(planned(1, 2000, {}).buckets, ElementsAre(2128));
  EXPECT_THAT(planned(1, 2048, {}).buckets, ElementsAre(512, 2176));
  // No smaller than a chunk.
  EXPECT_THAT(planned(1, 2048, {.chunk = 600}).buckets, ElementsAre(2648));
}

TEST(ProgramSet, CutsLayersIntoRanges) {
  const ProgramSet set = planned(1, 64, {.layers_per_program = 2});
  const auto shapes = set.decode(set.buckets.back(), 1);
  ASSERT_EQ(shapes.size(), 3U);
  EXPECT_EQ(shapes[0].first_layer, 0);
  EXPECT_EQ(shapes[0].end_layer, 2);
  EXPECT_FALSE(shapes[0].with_head);
  EXPECT_EQ(shapes[2].first_layer, 4);
  EXPECT_EQ(shapes[2].end_layer, 5);
  EXPECT_TRUE(shapes[2].with_head);
  for (const ProgramShape& shape : set.prefill(set.buckets.back())) EXPECT_FALSE(shape.with_head);
  EXPECT_EQ(set.chunk, 64);
}

TEST(ProgramSet, RefusesWhatIsNone) {
  EXPECT_FALSE(plan_programs(layers(1), 0, 64, {}).ok());
  EXPECT_FALSE(plan_programs(layers(1), 1, 0, {}).ok());
  EXPECT_FALSE(plan_programs(layers(1), 1, 64, {.chunk = 0}).ok());
  EXPECT_FALSE(plan_programs(layers(1), 1, 64, {.draft_rows = -1}).ok());
}

// What people wait for a compiler for.
TEST(ProgramSet, IsSixProgramsUnlessMoreIsAsked) {
  const auto model = testing::make_sliding_model();
  const auto plan = plan_model(model->decoder, model->weights, 2, {});
  ASSERT_TRUE(plan.ok()) << plan.status().message();
  const auto names = [&](const ProgramSetOptions& options, bool optional) {
    const auto set = plan_programs(model->decoder, 3, 64, options);
    const auto programs =
        lower_programs(plan->lowering(model->decoder, set->cache, {}), *set, optional);
    EXPECT_TRUE(programs.ok()) << programs.status().message();
    std::vector<std::string> out;
    for (const CompilableProgram& program : *programs) out.push_back(program.lowered.module.name);
    return out;
  };
  const ProgramSetOptions options{.chunk = 16, .least_bucket = 16};
  const auto layers = std::to_string(model->decoder.layers.size());
  EXPECT_THAT(names(options, false), ElementsAre("prefill_16x16_layers" + layers + "_embed",
                                                 "decode_1x16_layers" + layers + "_embed_head",
                                                 "prefill_16x80_layers" + layers + "_embed",
                                                 "decode_1x80_layers" + layers + "_embed_head",
                                                 "prefill_16x80_head", "top_3"));
  ProgramSetOptions more = options;
  more.draft_rows = 2;
  // Two decodes of three rows, their best tokens, and a copy for each KV group.
  EXPECT_EQ(names(more, true).size(), 6 + 3 + model->decoder.kv_groups.size());
}

}  // namespace
}  // namespace ix::backend::xla
