// The verifier passes what lowering writes.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "backend/small_models.h"
#include "backend/xla/hlo/verifier.h"
#include "backend/xla/lowering/lowering.h"

namespace ix::backend::xla {
namespace {

struct Lowered {
  WeightForm form;
  int ranks;
};

class LoweredModules : public ::testing::TestWithParam<Lowered> {
 protected:
  static void expect_passes(const Result<LoweredProgram>& program) {
    ASSERT_TRUE(program.ok()) << program.status().message();
    const auto findings =
        hlo::verify(program->module.bytes, {.replicas = program->module.replicas});
    ASSERT_TRUE(findings.ok());
    for (const hlo::Finding& finding : *findings) {
      EXPECT_EQ(finding.severity, hlo::Severity::warning)
          << program->module.name << ": " << to_text(finding);
    }
  }
};

TEST_P(LoweredModules, PassTheVerifier) {
  for (const auto& model : testing::small_models()) {
    const graph::Decoder& decoder = model->decoder;
    const auto plan = plan_shards(decoder, GetParam().ranks);
    ASSERT_TRUE(plan.ok()) << plan.status().message();
    WeightOptions options;
    options.form = GetParam().form;
    const auto weights = list_weights(decoder, *plan, model->weights, options);
    ASSERT_TRUE(weights.ok()) << weights.status().message();
    const auto rope = rope_tables(decoder, model->weights);
    ASSERT_TRUE(rope.ok()) << rope.status().message();
    const CacheShape cache{.slots = 3, .positions = 48, .type = hlo::ElementType::bf16};
    const LoweringModel lowering{&decoder, &*plan, &*weights, &*rope, cache, {}};
    const auto layers = static_cast<int32_t>(decoder.layers.size());
    ProgramShape shape{.kind = ProgramKind::decode,
                       .rows = 1,
                       .positions = cache.positions,
                       .first_layer = 0,
                       .end_layer = layers,
                       .with_head = true};
    expect_passes(lower(lowering, shape));
    shape.kind = ProgramKind::prefill;
    shape.rows = 16;
    shape.with_head = false;
    expect_passes(lower(lowering, shape));
    shape.first_layer = layers;
    shape.with_head = true;
    shape.picked_rows = 4;
    expect_passes(lower(lowering, shape));
    expect_passes(lower_top_k(lowering, 4));
  }
}

INSTANTIATE_TEST_SUITE_P(Forms, LoweredModules,
                         ::testing::Values(Lowered{WeightForm::bf16, 1},
                                           Lowered{WeightForm::bf16, 2},
                                           Lowered{WeightForm::f16, 4},
                                           Lowered{WeightForm::int8, 2}, Lowered{WeightForm::q4, 2},
                                           Lowered{WeightForm::f32, 3}),
                         [](const auto& lowered) {
                           return std::string(to_text(lowered.param.form)) + "_over_" +
                                  std::to_string(lowered.param.ranks);
                         });

}  // namespace
}  // namespace ix::backend::xla
