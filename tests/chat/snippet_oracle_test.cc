// Small pieces of the language, against Python's jinja2.
#include <gtest/gtest.h>

#include "chat/oracle_cases.h"

namespace ix::chat {
namespace {

TEST(ChatSnippets, AllRenderAsPythonsJinjaDoes) {
  const auto cases = run_oracle("snippets", IX_SNIPPETS);
  ASSERT_GE(cases.size(), 1000u);
  for (const OracleCase& expected : cases) {
    EXPECT_EQ(difference(expected), "") << "snippet " << expected.name << ": " << expected.source;
  }
}

}  // namespace
}  // namespace ix::chat
