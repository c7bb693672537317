// Programs that neuronx-cc refuses, written for the fake compiler from the same pages of errors but
// apart from the verifier: it refuses each of them too.
#include "fake_neuron/refused_modules.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "backend/xla/hlo/verifier.h"

namespace ix::fake_neuron {

// For GoogleTest's messages.
static void PrintTo(const RefusedModule& module, std::ostream* out) { *out << module.name; }

namespace {

using backend::xla::hlo::Finding;
using backend::xla::hlo::Severity;
using testing::Contains;

class VerifierRefuses : public testing::TestWithParam<RefusedModule> {};

TEST_P(VerifierRefuses, WithTheCompilersCode) {
  // All operations allowed, so that no module is refused merely for being off the list.
  const auto findings = backend::xla::hlo::verify(GetParam().hlo, {.allow = {"*"}});
  ASSERT_TRUE(findings.ok());
  std::vector<std::string> codes;
  for (const Finding& finding : *findings) {
    if (finding.severity == Severity::error) codes.push_back("NCC_" + finding.code);
  }
  ASSERT_FALSE(codes.empty());
  // NCC_INTERNAL: the compiler has no code. NCC_EVRF064 is its word for every malformed module; the
  // verifier says which rule is broken.
  if (GetParam().code == "NCC_INTERNAL" || GetParam().code == "NCC_EVRF064") return;
  EXPECT_THAT(codes, Contains(GetParam().code));
}

INSTANTIATE_TEST_SUITE_P(Corpus, VerifierRefuses, testing::ValuesIn(refused_modules()),
                         [](const auto& module) { return module.param.name; });

}  // namespace
}  // namespace ix::fake_neuron
