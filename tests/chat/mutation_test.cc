// Damaged templates: whatever is deleted, doubled or swapped in real ones, parsing and rendering
// end with a text or a status.
#include <gtest/gtest.h>
#include <rapidcheck.h>

#include <algorithm>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <string>
#include <vector>

#include "chat/chat_template.h"
#include "support/paths.h"

namespace ix::chat {
namespace {

std::vector<std::string> real_templates() {
  std::vector<std::string> sources;
  std::error_code error;
  for (const auto& entry : std::filesystem::directory_iterator(paths::cached("templates"), error)) {
    std::ifstream file(entry.path(), std::ios::binary);
    sources.emplace_back(std::istreambuf_iterator<char>(file), std::istreambuf_iterator<char>());
  }
  return sources;
}

RenderInput conversation() {
  RenderInput input;
  input.messages = Json::parse(R"([
    {"role": "system", "content": "Be kind."}, {"role": "user", "content": "Grüße 🎉"},
    {"role": "assistant", "content": "", "tool_calls": [{"id": "abcdef123", "type": "function",
      "function": {"name": "f", "arguments": {"x": [1, 2.5, null, true]}}}]},
    {"role": "tool", "content": "{}", "tool_call_id": "abcdef123", "name": "f"},
    {"role": "user", "content": [{"type": "text", "text": "a"}]}])");
  input.tools = Json::parse(R"([{"type": "function", "function": {"name": "f",
    "description": "d", "parameters": {"type": "object", "properties": {"x": {"type": "array"}}}}}])");
  input.now = 1753450200;
  return input;
}

std::string mutate(std::string source, const std::vector<std::string>& all) {
  const int changes = *rc::gen::inRange(1, 6);
  for (int i = 0; i < changes && !source.empty(); ++i) {
    const size_t at = *rc::gen::inRange<size_t>(0, source.size());
    const size_t length = std::min(*rc::gen::inRange<size_t>(1, 40), source.size() - at);
    switch (*rc::gen::inRange(0, 5)) {
      case 0:
        source.erase(at, length);
        break;
      case 1:
        source.insert(at, source.substr(at, length));
        break;
      case 2:
        source[at] = static_cast<char>(*rc::gen::inRange(0, 256));
        break;
      case 3: {
        const std::string& other = all[*rc::gen::inRange<size_t>(0, all.size())];
        if (!other.empty()) {
          const size_t from = *rc::gen::inRange<size_t>(0, other.size());
          source.insert(at, other.substr(from, length));
        }
        break;
      }
      default:
        std::swap(source[at], source[source.size() - 1 - at]);
    }
  }
  return source;
}

TEST(ChatMutations, DamagedTemplatesNeverCrash) {
  const auto sources = real_templates();
  ASSERT_FALSE(sources.empty()) << "no templates in " << paths::cached("templates")
                                << "; fetch them first";
  const RenderInput input = conversation();
  RenderLimits limits;
  limits.max_steps = 20'000;
  int parsed_count = 0;
  const bool held = rc::check("a damaged template gives a text or a status", [&] {
    // Several a case: RapidCheck's usual number of cases is 100.
    for (int i = 0; i < 10; ++i) {
      const std::string source =
          mutate(sources[*rc::gen::inRange<size_t>(0, sources.size())], sources);
      auto parsed = ChatTemplate::parse(source);
      if (!parsed.ok()) {
        RC_ASSERT(parsed.status().message().find("line ") != std::string::npos);
        continue;
      }
      ++parsed_count;
      auto text = parsed->render(input, limits);
      RC_ASSERT(text.ok() || text.status().code() != StatusCode::internal);
    }
  });
  EXPECT_TRUE(held);
  EXPECT_GT(parsed_count, 0);
}

TEST(ChatMutations, RandomExpressionsNeverCrash) {
  const std::vector<std::string> words = {"1",
                                          "0",
                                          "-1",
                                          "2.5",
                                          "'a'",
                                          "'%s %d'",
                                          "x",
                                          "messages",
                                          "tools",
                                          "[1, 2]",
                                          "{'a': 1}",
                                          "(1,)",
                                          "+",
                                          "-",
                                          "*",
                                          "/",
                                          "//",
                                          "%",
                                          "**",
                                          "~",
                                          "==",
                                          "<",
                                          "in",
                                          "not",
                                          "and",
                                          "or",
                                          "if",
                                          "else",
                                          "is",
                                          "none",
                                          "string",
                                          "|",
                                          "join",
                                          "map('upper')",
                                          "list",
                                          "tojson",
                                          "sort",
                                          "int",
                                          "round",
                                          "length",
                                          ".split(',')",
                                          ".items()",
                                          ".get('a')",
                                          "[0]",
                                          "[1:]",
                                          "[::-1]",
                                          "(",
                                          ")",
                                          ",",
                                          "range(3)",
                                          "namespace(a=1)",
                                          "true",
                                          "batch(2)",
                                          "groupby('role')",
                                          "unique",
                                          "first",
                                          "last",
                                          "format(1)",
                                          "indent(2)",
                                          "replace('a','b')",
                                          "dictsort",
                                          "sum",
                                          "max",
                                          "reverse"};
  const bool held = rc::check("a random expression gives a text or a status", [&] {
    std::string source = "{{ ";
    const int count = *rc::gen::inRange(1, 8);
    for (int i = 0; i < count; ++i) {
      source += words[*rc::gen::inRange<size_t>(0, words.size())] + " ";
    }
    auto parsed = ChatTemplate::parse(source + "}}");
    if (!parsed.ok()) return;
    RenderLimits limits;
    limits.max_steps = 20'000;
    auto text = parsed->render(conversation(), limits);
    RC_ASSERT(text.ok() || text.status().code() != StatusCode::internal);
  });
  EXPECT_TRUE(held);
}

}  // namespace
}  // namespace ix::chat
