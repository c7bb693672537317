// What XLA's own compiler says that programs take.
#include <gtest/gtest.h>

#include <algorithm>

#include "backend/small_models.h"
#include "backend/xla/hlo/live_bytes.h"
#include "backend/xla/memory_plan.h"
#include "backend/xla/model_plan.h"
#include "backend/xla/pjrt/pjrt_runtime.h"
#include "xla/pjrt/plugins.h"

namespace ix::backend::xla {
namespace {

constexpr auto kF32 = hlo::ElementType::f32;

class ProgramMemory : public ::testing::TestWithParam<testing::CpuPlugin> {};

bool is_cache(OutputKind kind) { return kind == OutputKind::keys || kind == OutputKind::values; }

// Bytes of the caches that a program updates.
int64_t caches_of(const LoweredProgram& program) {
  int64_t bytes = 0;
  for (size_t i = 0; i < program.outputs.size(); ++i) {
    if (is_cache(program.outputs[i].kind)) bytes += hlo::byte_size(program.module.outputs[i].shape);
  }
  return bytes;
}

// XLA's CPU compiler drops dimensions of one, and then reads a cache of one KV head through a copy
// that it makes of it with its last update.
bool has_one_kv_head(const LoweredProgram& program) {
  for (size_t i = 0; i < program.outputs.size(); ++i) {
    if (is_cache(program.outputs[i].kind)) return program.module.outputs[i].shape.dims[1] == 1;
  }
  return false;
}

// Most bytes of temporaries. What is alive in the program's order, rounded up to XLA's unit.
// Programs that take one slot out of a cache: its order is free, so that slot of every cache as
// well.
int64_t most_temporary(const LoweredProgram& program, int64_t slots) {
  constexpr int64_t kUnit = 64;
  const int64_t caches = caches_of(program);
  const auto alive = hlo::live_bytes(program.module.bytes);
  EXPECT_TRUE(alive.ok());
  int64_t most = *alive + kUnit * 64;
  if (has_one_kv_head(program)) most += caches;
  const bool takes_a_slot = std::ranges::any_of(
      program.inputs, [](const ProgramInput& input) { return input.kind == InputKind::slot; });
  return takes_a_slot ? most + caches / slots : most;
}

// Float32 has no conversions that a compiler may keep, so the bound is that of the program. A cache
// that is not updated in place is missing among the aliased bytes.
TEST_P(ProgramMemory, IsTheCachesInPlaceAndWhatIsAlive) {
  for (const auto& model : testing::small_models()) {
    const auto plan = plan_model(model->decoder, model->weights, 1, {.form = WeightForm::f32});
    ASSERT_TRUE(plan.ok()) << plan.status().message();
    const auto set =
        plan_programs(model->decoder, 3, 256, {.kv_type = kF32, .chunk = 16, .draft_rows = 2});
    ASSERT_TRUE(set.ok()) << set.status().message();
    const LoweringModel lowering = plan->lowering(model->decoder, set->cache, {});
    const auto programs = lower_programs(lowering, *set, /*optional=*/true);
    ASSERT_TRUE(programs.ok()) << programs.status().message();
    auto runtime = pjrt::PjrtRuntime::open({.plugin = GetParam().path, .devices = 1});
    ASSERT_TRUE(runtime.ok()) << runtime.status().message();
    for (const CompilableProgram& program : *programs) {
      const hlo::Module& module = program.lowered.module;
      SCOPED_TRACE(model->name + std::string(": ") + module.name);
      const auto loaded = (*runtime)->load(module, program.kind);
      ASSERT_TRUE(loaded.ok()) << loaded.status().message();
      const auto stats = (*runtime)->memory_stats(**loaded);
      ASSERT_TRUE(stats.ok()) << stats.status().message();
      EXPECT_EQ(stats->aliased, caches_of(program.lowered));
      EXPECT_LE(stats->temporary, most_temporary(program.lowered, set->cache.slots));
    }
  }
}

INSTANTIATE_TEST_SUITE_P(Plugins, ProgramMemory, ::testing::ValuesIn(testing::cpu_plugins()),
                         [](const auto& plugin) { return plugin.param.name; });

}  // namespace
}  // namespace ix::backend::xla
