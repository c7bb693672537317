// Every tiny model through the CPU backend, against logits that numpy computed in float64.
#include <gtest/gtest.h>

#include <cmath>
#include <map>
#include <string>
#include <vector>

#include "backend/attention_rounding.h"
#include "backend/cpu/cpu_executor.h"
#include "backend/cpu/kernels/isa.h"
#include "backend/session.h"
#include "gguf/gguf_file.h"
#include "model/model.h"
#include "support/tiny_models.h"

namespace ix::backend::cpu {
namespace {

// Root of the mean square of the difference over that of the expected values.
double relative_error(const std::vector<std::vector<float>>& actual,
                      const std::vector<float>& expected) {
  double difference = 0;
  double size = 0;
  size_t i = 0;
  for (const std::vector<float>& row : actual) {
    for (const float x : row) {
      difference += std::pow(static_cast<double>(x) - expected[i], 2);
      size += std::pow(static_cast<double>(expected[i]), 2);
      ++i;
    }
  }
  EXPECT_EQ(i, expected.size());
  return std::sqrt(difference / size);
}

std::vector<std::vector<float>> logits_of(const tiny::Case& item, const CpuOptions& cpu_options,
                                          int rows_a_step) {
  const auto file = gguf::GgufFile::open(item.path);
  IX_CHECK(file.ok());
  const auto decoder = model::build_decoder(**file, {.context_length = item.context_length});
  IX_CHECK(decoder.ok());
  const ExecutorOptions options{.threads = 2, .max_rows = 64, .kv_tokens = 64};
  auto loaded = load_model(*decoder, **file, options, cpu_options);
  IX_CHECK(loaded.ok());
  auto executor = open_cpu(*loaded, options);
  IX_CHECK(executor.ok());
  testing::Session session(**executor);
  testing::Sequence sequence = session.start();
  return session.run(sequence, item.tokens, rows_a_step);
}

// What rounding costs, as a share of the logits' size.
//   Plain weights: where keys and values are halves, off by 2^-12 on average: 1e-3 leaves room for
//   the layers to add up.
//   Packed weights: activations are 8 bits with a scale a block. The largest of 256 values that are
//   spread normally is about 3 sigma, so a step of the grid is 3/127 sigma and its rounding error
//   0.29 of that: 0.7 % of the value. Products of gate and up have longer tails, 6 sigma: 1.4 %.
//   Three and one of these a layer, independent, over 2 to 7 layers:
//   sqrt((3 x 0.7^2 + 1.4^2) x (2 .. 7)) % = 2.6 .. 4.9 %.
constexpr double kPlainError = 1e-3;
constexpr double kPackedError = 0.05;

double plain_error(Isa isa) { return kPlainError * testing::attention_rounding(isa); }

class TinyModel : public ::testing::TestWithParam<const char*> {};

TEST_P(TinyModel, LogitsAreTheOraclesWithinTheRoundingOfActivations) {
  const tiny::Case item = tiny::load_case(GetParam());
  for (const Isa isa : available_isas()) {
    const std::string name(to_string(isa));
    const double bound = item.all_f32 ? plain_error(isa) : kPackedError;
    EXPECT_LE(relative_error(logits_of(item, {.isa = name}, 64), item.logits), bound) << name;
  }
}

TEST_P(TinyModel, PlainPathGivesTheOraclesLogits) {
  const tiny::Case item = tiny::load_case(GetParam());
  EXPECT_LE(relative_error(logits_of(item, {.pack = false}, 64), item.logits),
            plain_error(*choose_isa()));
}

TEST_P(TinyModel, StepsOfOneRowGiveTheBitsOfOneStep) {
  const tiny::Case item = tiny::load_case(GetParam());
  for (const Isa isa : available_isas()) {
    const std::string name(to_string(isa));
    const auto together = logits_of(item, {.isa = name}, 64);
    EXPECT_EQ(logits_of(item, {.isa = name}, 1), together) << name;
    EXPECT_EQ(logits_of(item, {.isa = name}, 7), together) << name;
  }
}

INSTANTIATE_TEST_SUITE_P(All, TinyModel, ::testing::ValuesIn(tiny::kCases), [](const auto& item) {
  std::string name = item.param;
  for (char& c : name) c = c == '-' ? '_' : c;
  return name;
});

}  // namespace
}  // namespace ix::backend::cpu
