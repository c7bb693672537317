// Every real template with every conversation of render_oracle.py, against Python's jinja2.
#include <gtest/gtest.h>

#include <map>
#include <set>
#include <string>

#include "chat/oracle_cases.h"
#include "support/paths.h"

namespace ix::chat {
namespace {

// "template/conversation" -> why its output is not Python's. Empty: all are the same.
const std::map<std::string, std::string>& known_differences() {
  static const std::map<std::string, std::string> kKnown = {};
  return kKnown;
}

TEST(ChatTemplates, AllRenderAsPythonsJinjaDoes) {
  const auto cases = run_oracle("templates", paths::cached("templates"));
  ASSERT_FALSE(cases.empty()) << "no oracle output; are the templates in "
                              << paths::cached("templates") << " and jinja2 in .venv?";
  std::set<std::string> templates;
  size_t rendered = 0;
  for (const OracleCase& expected : cases) {
    templates.insert(expected.name.substr(0, expected.name.find('/')));
    if (!expected.fails) ++rendered;
    const std::string differs = difference(expected);
    if (known_differences().contains(expected.name)) {
      EXPECT_NE(differs, "") << expected.name << " is the same now; take it off the table";
    } else {
      EXPECT_EQ(differs, "") << expected.name;
    }
  }
  // The table may not grow beyond 5 % of the cases, and the oracle must really have rendered.
  EXPECT_LE(known_differences().size() * 20, cases.size());
  EXPECT_GE(templates.size(), 60u);
  EXPECT_GE(rendered * 10, cases.size() * 7);
}

}  // namespace
}  // namespace ix::chat
