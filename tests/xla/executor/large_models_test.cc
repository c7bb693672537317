// Models of real size, as sparse files: every program that `ix run` would load, and the memory of a
// core.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "backend/kv_geometry.h"
#include "backend/xla/hlo/verifier.h"
#include "backend/xla/model_plan.h"
#include "backend/xla/program_set.h"
#include "gguf/gguf_file.h"
#include "model/model.h"
#include "support/temp_dir.h"
#include "synth/synth_file.h"

namespace ix::backend::xla {
namespace {

// Half of a chip of inf2.
constexpr int64_t kCoreBytes = int64_t{16} << 30;
constexpr int64_t kMostDecodeBytes = 5'000'000;

struct Case {
  const char* name;
  const char* shape;
  int64_t slots;
  int64_t context;
  int32_t layers_per_program;
  int32_t draft_rows;
};

void PrintTo(const Case& item, std::ostream* out) { *out << item.name; }

constexpr int kRanks = 2;

class LargeModel : public ::testing::TestWithParam<Case> {
 protected:
  void SetUp() override {
    const auto shape = synth::find_shape(GetParam().shape);
    const std::string path = dir_.path("m.gguf");
    ASSERT_TRUE(synth::write_synthetic(*shape, path, {.sparse = true}, [](int64_t, int64_t) {
                  return true;
                }).ok());
    auto file = gguf::GgufFile::open(path);
    ASSERT_TRUE(file.ok()) << file.status().message();
    file_ = *std::move(file);
    const auto decoder = model::build_decoder(*file_, {.context_length = GetParam().context});
    ASSERT_TRUE(decoder.ok()) << decoder.status().message();
    decoder_ = *decoder;
    auto plan = plan_model(decoder_, *file_, kRanks, {});
    ASSERT_TRUE(plan.ok()) << plan.status().message();
    plan_ = *std::move(plan);
    const auto set = plan_programs(
        decoder_, GetParam().slots, GetParam().context,
        {.layers_per_program = GetParam().layers_per_program, .draft_rows = GetParam().draft_rows});
    ASSERT_TRUE(set.ok()) << set.status().message();
    set_ = *set;
  }

  // Keys and values of a rank.
  int64_t cache_bytes() const {
    int64_t bytes = 0;
    for (const graph::KvLayer& layer : decoder_.kv_layers) {
      bytes += layer_bytes_per_token(layer, hlo::element_bytes(set_.cache.type));
    }
    return bytes / kRanks * set_.cache.slots * set_.cache.positions;
  }

  const ix::testing::TempDir dir_;
  std::unique_ptr<gguf::GgufFile> file_;
  graph::Decoder decoder_;
  ModelPlan plan_;
  ProgramSet set_{};
};

TEST_P(LargeModel, LowersToProgramsThatTheVerifierPasses) {
  const auto programs = lower_programs(plan_.lowering(decoder_, set_.cache, {}), set_, true);
  ASSERT_TRUE(programs.ok()) << programs.status().message();
  EXPECT_GE(programs->size(), 5U);
  for (const CompilableProgram& program : *programs) {
    const hlo::Module& module = program.lowered.module;
    SCOPED_TRACE(module.name);
    const auto findings =
        hlo::verify(module.bytes, {.replicas = kRanks, .device_bytes = kCoreBytes});
    ASSERT_TRUE(findings.ok()) << findings.status().message();
    for (const hlo::Finding& finding : *findings) {
      EXPECT_EQ(finding.severity, hlo::Severity::warning) << to_text(finding);
    }
    if (program.kind == ProgramKind::decode) {
      EXPECT_LE(static_cast<int64_t>(module.bytes.size()), kMostDecodeBytes);
    }
    int64_t parameters = 0;
    for (const hlo::NamedShape& parameter : module.parameters) {
      parameters += hlo::byte_size(parameter.shape);
    }
    EXPECT_LE(parameters, kCoreBytes);
  }
}

TEST_P(LargeModel, FitsACore) { EXPECT_LT(plan_.weights.bytes() + cache_bytes(), kCoreBytes); }

INSTANTIATE_TEST_SUITE_P(
    Inf2Xlarge, LargeModel,
    ::testing::Values(Case{"llama_8b_default", "llama-3.1-8b", 1, 8192, 0, 0},
                      Case{"llama_8b_four_slots_drafts", "llama-3.1-8b", 4, 4096, 0, 3},
                      Case{"llama_8b_ranges_of_8", "llama-3.1-8b", 4, 4096, 8, 0},
                      Case{"llama_8b_single_layers", "llama-3.1-8b", 1, 8192, 1, 0},
                      Case{"llama_7b_default", "llama-2-7b", 1, 4096, 0, 0},
                      Case{"llama_7b_four_slots_ranges_of_16", "llama-2-7b", 4, 4096, 16, 0}),
    [](const auto& instance) { return std::string(instance.param.name); });

// Bytes of weights on a core, from the shapes alone: two bytes a weight of half of every matrix,
// the whole table of embeddings, norms in float32.
TEST(LargeModelWeights, AreHalfOfEveryMatrixAndTheWholeTable) {
  const auto weights_of = [](const char* name) {
    const ix::testing::TempDir dir;
    const std::string path = dir.path("m.gguf");
    EXPECT_TRUE(synth::write_synthetic(*synth::find_shape(name), path, {.sparse = true},
                                       [](int64_t, int64_t) { return true; })
                    .ok());
    const auto file = gguf::GgufFile::open(path);
    const auto decoder = model::build_decoder(**file, {});
    return plan_model(*decoder, **file, kRanks, {})->weights.bytes();
  };
  constexpr int64_t kWidth = 4096;
  constexpr int64_t kNorms = (2 * 32 + 1) * kWidth * 4;
  // q, output; k, v; gate, up, down.
  constexpr int64_t kLayer8b = 2 * kWidth * kWidth + 2 * 1024 * kWidth + 3 * 14336 * kWidth;
  EXPECT_EQ(weights_of("llama-3.1-8b"),
            32 * kLayer8b + 128256 * kWidth + 2 * 128256 * kWidth + kNorms);
  constexpr int64_t kLayer7b = 4 * kWidth * kWidth + 3 * 11008 * kWidth;
  EXPECT_EQ(weights_of("llama-2-7b"), 32 * kLayer7b + 32000 * kWidth + 2 * 32000 * kWidth + kNorms);
}

}  // namespace
}  // namespace ix::backend::xla
