// Tiny GGUF models of every architecture, read and built like real ones, against the logits of an
// oracle in numpy that knows nothing of our graphs.
#include "support/tiny_models.h"

#include <gtest/gtest.h>

#include <cmath>

#include "backend/backends.h"
#include "backend/session.h"
#include "gguf/gguf_file.h"
#include "model/model.h"

namespace ix::testing {
namespace {

class TinyModels : public ::testing::TestWithParam<std::tuple<int, std::string>> {};

TEST_P(TinyModels, LogitsAreTheOracles) {
  const Backend backend = backends()[static_cast<size_t>(std::get<0>(GetParam()))];
  const tiny::Case item = tiny::load_case(std::get<1>(GetParam()));
  const auto file = gguf::GgufFile::open(item.path);
  ASSERT_TRUE(file.ok()) << file.status().message();
  const auto decoder = model::build_decoder(**file, {.context_length = item.context_length});
  ASSERT_TRUE(decoder.ok()) << decoder.status().message();
  const auto executor =
      backend.open(*decoder, **file, {.threads = 2, .max_rows = 16, .kv_tokens = 64});
  ASSERT_TRUE(executor.ok()) << executor.status().message();

  Session session(**executor);
  Sequence sequence = session.start();
  const auto logits = session.run(sequence, item.tokens, 16);
  ASSERT_EQ(logits.size() * static_cast<size_t>(item.vocab), item.logits.size());
  double squared_error = 0;
  double squared = 0;
  for (size_t i = 0; i < item.logits.size(); ++i) {
    const auto vocab = static_cast<size_t>(item.vocab);
    const double expected = item.logits[i];
    squared_error += std::pow(logits[i / vocab][i % vocab] - expected, 2);
    squared += expected * expected;
  }
  const double bound = item.all_f32 ? backend.error_plain : backend.error_quantised;
  EXPECT_LE(std::sqrt(squared_error / squared), bound);
}

std::string case_name(const ::testing::TestParamInfo<TinyModels::ParamType>& info) {
  std::string name =
      backends()[static_cast<size_t>(std::get<0>(info.param))].name + "_" + std::get<1>(info.param);
  for (char& c : name) c = c == '-' ? '_' : c;
  return name;
}

INSTANTIATE_TEST_SUITE_P(
    All, TinyModels,
    ::testing::Combine(::testing::Range(0, static_cast<int>(backends().size())),
                       ::testing::ValuesIn(std::vector<std::string>(tiny::kCases.begin(),
                                                                    tiny::kCases.end()))),
    case_name);

}  // namespace
}  // namespace ix::testing
