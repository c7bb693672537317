// The graph of each architecture, run op by op by the reference backend, against the oracle's
// logits.
#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <numeric>

#include "backend/reference/reference_executor.h"
#include "gguf/gguf_file.h"
#include "model/model.h"
#include "support/tiny_models.h"

namespace ix::model {
namespace {

// Both read the same dequantised weights; they differ in float32 against float64 and in the order
// of sums, which was measured as at most 2e-6 of the largest logit. The smallest mistake that the
// tiny models can show, another epsilon of the norms, moves it by 1.2e-3; a wrong window, cap, rope
// base, pairing or bias by 6e-2 and more. The bound stands between the two.
constexpr float kRelativeBound = 1e-4F;

class OracleLogits : public testing::TestWithParam<const char*> {};

// All rows of `logits` [tokens, vocab] in one step.
void run_whole(backend::Executor& executor, const tiny::Case& item, std::vector<float>& logits) {
  const auto rows = static_cast<int32_t>(item.tokens.size());
  const backend::KvInfo& kv = executor.kv();
  const int32_t blocks = (rows + kv.tokens_per_block - 1) / kv.tokens_per_block;
  std::vector<backend::BlockId> table(static_cast<size_t>(blocks));
  std::iota(table.begin(), table.end(), 0);
  const std::vector<std::span<const backend::BlockId>> tables(kv.groups.size(), table);
  const backend::SequenceRows sequence{0, rows, 0, tables};
  const std::vector<backend::RowWant> wants(item.tokens.size(), {backend::Want::logits});

  const auto ticket = executor.submit({item.tokens, {&sequence, 1}, wants});
  ASSERT_TRUE(ticket.ok()) << ticket.status().message();
  const auto output = executor.wait(*ticket, backend::kNoDeadline);
  ASSERT_TRUE(output.ok()) << output.status().message();
  ASSERT_EQ(output->rows.size(), item.tokens.size());
  for (const backend::RowResult& row : output->rows) {
    ASSERT_EQ(row.logits.size(), static_cast<size_t>(item.vocab));
    logits.insert(logits.end(), row.logits.begin(), row.logits.end());
  }
}

TEST_P(OracleLogits, AreThoseOfTheGraph) {
  const tiny::Case item = tiny::load_case(GetParam());
  const auto file = gguf::GgufFile::open(item.path);
  ASSERT_TRUE(file.ok()) << file.status().message();
  const auto decoder = build_decoder(**file, {.context_length = item.context_length});
  ASSERT_TRUE(decoder.ok()) << decoder.status().message();
  auto executor = backend::open_reference(*decoder, **file, {.threads = 1, .kv_tokens = 64});
  ASSERT_TRUE(executor.ok()) << executor.status().message();

  std::vector<float> logits;
  ASSERT_NO_FATAL_FAILURE(run_whole(**executor, item, logits));
  ASSERT_EQ(logits.size(), item.logits.size());
  float largest = 0.0F;
  float error = 0.0F;
  size_t at = 0;
  for (size_t i = 0; i < logits.size(); ++i) {
    ASSERT_TRUE(std::isfinite(logits[i])) << "logit " << i;
    largest = std::max(largest, std::abs(item.logits[i]));
    const float here = std::abs(logits[i] - item.logits[i]);
    if (here > error) at = i;
    error = std::max(error, here);
  }
  RecordProperty("error_in_1e9_of_the_largest", static_cast<int>(1e9F * error / largest));
  EXPECT_LE(error, kRelativeBound * largest)
      << "position " << at / static_cast<size_t>(item.vocab) << ", token "
      << at % static_cast<size_t>(item.vocab) << ": " << logits[at] << ", expected "
      << item.logits[at];
}

INSTANTIATE_TEST_SUITE_P(All, OracleLogits, testing::ValuesIn(tiny::kCases), [](const auto& name) {
  std::string text = name.param;
  std::replace(text.begin(), text.end(), '-', '_');
  return text;
});

}  // namespace
}  // namespace ix::model
