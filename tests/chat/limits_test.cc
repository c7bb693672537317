// Limits and errors: whatever a template does, rendering ends, and says why.
#include <gtest/gtest.h>

#include <string>

#include "chat/chat_template.h"

namespace ix::chat {
namespace {

Status render(const std::string& source, const RenderLimits& limits = {}) {
  auto parsed = ChatTemplate::parse(source);
  if (!parsed.ok()) return parsed.status();
  return parsed->render({}, limits).status();
}

std::string repeated(const std::string& text, int count) {
  std::string out;
  for (int i = 0; i < count; ++i) out += text;
  return out;
}

class ExhaustingTemplate : public testing::TestWithParam<const char*> {};

TEST_P(ExhaustingTemplate, EndsWithResourceExhausted) {
  Status status = render(GetParam());
  EXPECT_EQ(status.code(), StatusCode::resource_exhausted) << status.message();
  EXPECT_NE(status.message().find("line "), std::string::npos) << status.message();
}

INSTANTIATE_TEST_SUITE_P(
    ChatLimits, ExhaustingTemplate,
    testing::Values(
        "{{ 'a' * 10**9 }}", "{{ [1] * 10**12 }}", "{{ ([1] * 10**6) * 10**6 }}",
        "{{ 'a' * (2**62) }}", "{{ 2**64 }}", "{{ 9223372036854775807 + 1 }}",
        "{% set ns = namespace(x=[1]) %}{% for i in range(100) %}{% set ns.x = ns.x + ns.x %}"
        "{% endfor %}",
        "{% set ns = namespace(x='ab') %}{% for i in range(100) %}{% set ns.x = ns.x ~ ns.x %}"
        "{% endfor %}",
        "{% set ns = namespace(x=[]) %}{% for i in range(1000) %}{% set ns.x = [ns.x] %}{% endfor "
        "%}",
        "{% set ns = namespace(x=[1]) %}{% for i in range(100) %}{% set ns.x = [ns.x, ns.x] %}"
        "{% endfor %}{{ ns.x }}",
        "{% set ns = namespace(x=[1]) %}{% for i in range(100) %}{% set ns.x = [ns.x, ns.x] %}"
        "{% endfor %}{{ ns.x | tojson }}",
        "{% set ns = namespace(x=[1], y=[1]) %}{% for i in range(100) %}"
        "{% set ns.x = [ns.x, ns.x] %}{% set ns.y = [ns.y, ns.y] %}{% endfor %}{{ ns.x == ns.y }}",
        "{% for i in range(100000) %}{% for j in range(100000) %}{% endfor %}{% endfor %}",
        "{% for i in range(100000) %}{{ 'aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa' * 100 }}{% endfor %}",
        "{% macro f() %}{{ f() }}{% endmacro %}{{ f() }}",
        "{% macro f(x) %}{% if x %}{{ f(x) | upper | lower | trim }}{% endif %}{% endmacro %}"
        "{{ f(1) }}",
        "{% for x in [1] recursive %}{{ loop([1]) }}{% endfor %}",
        "{% set ns = namespace() %}{% set ns.me = ns %}{{ ns }}",
        "{% set ns = namespace(x=[1]) %}{% for i in range(100000) %}"
        "{% set ns.x = [ns.x].count %}{% endfor %}",
        "{{ ('a' * 10**6) | replace('a', 'b' * 10**6) }}", "{{ ('a,' * 10**6).split(',') * 100 }}",
        "{{ '%1000000000d' % 1 }}", "{{ '{:1000000000}'.format(1) }}", "{{ 'a'.center(10**10) }}",
        "{{ '1'.zfill(10**10) }}", "{{ [[1]] | tojson(indent=10**10) }}",
        "{{ 'a' | indent(10**10) }}", "{{ [1] | batch(10**10, 0) | list }}",
        "{{ [1] | slice(10**10) | list }}", "{{ '\t'.expandtabs(10**10) }}",
        "{{ ('ab' * 10**5) | join('c' * 10**5) }}", "{{ '%.*f' % (100000, 1.5) }}",
        "{{ strftime_now('%1000000d') }}"));

TEST(ChatLimits, NestedLoopsCountTheirItems) {
  // 50 loops inside each other over 10^6 items, 32 bytes each: 1.6 GB were they not counted.
  const std::string source = "{% set big = [1] * 1000000 %}" + repeated("{% for x in big %}", 50) +
                             repeated("{% endfor %}", 50);
  EXPECT_EQ(render(source).code(), StatusCode::resource_exhausted);
}

TEST(ChatLimits, DeepEvaluationEndsBeforeTheStackDoes) {
  const std::string source = "{% macro f() %}{{ " + repeated("[", 80) + "f()" + repeated("]", 80) +
                             " }}{% endmacro %}{{ f() }}";
  Status status = render(source);
  EXPECT_EQ(status.code(), StatusCode::resource_exhausted);
  EXPECT_NE(status.message().find("nested deeper"), std::string::npos) << status.message();
}

TEST(ChatLimits, StepsAreCounted) {
  RenderLimits few;
  few.max_steps = 100;
  const std::string source = "{% for i in range(50) %}{{ i }}{% endfor %}";
  EXPECT_TRUE(render(source).ok());
  EXPECT_EQ(render(source, few).code(), StatusCode::resource_exhausted);
}

TEST(ChatLimits, OutputIsCounted) {
  RenderLimits small;
  small.max_output_bytes = 10;
  EXPECT_TRUE(render("0123456789", small).ok());
  EXPECT_EQ(render("0123456789a", small).code(), StatusCode::resource_exhausted);
  EXPECT_EQ(render("{{ 'a' * 11 }}", small).code(), StatusCode::resource_exhausted);
}

TEST(ChatLimits, MemoryIsGivenBack) {
  RenderLimits small;
  small.max_memory_bytes = 1 << 20;
  // 200 strings of 100 KiB one after the other, never two at a time for long.
  EXPECT_TRUE(
      render("{% for i in range(200) %}{% set x = 'a' * 102400 %}{% endfor %}", small).ok());
}

TEST(ChatLimits, InputCountsAsMemory) {
  auto parsed = ChatTemplate::parse("x");
  ASSERT_TRUE(parsed.ok());
  RenderInput input;
  input.bos_token = std::string(1 << 20, 'a');
  RenderLimits small;
  small.max_memory_bytes = 1 << 20;
  EXPECT_EQ(parsed->render(input, small).status().code(), StatusCode::resource_exhausted);
}

TEST(ChatLimits, DeepInputIsRefused) {
  auto parsed = ChatTemplate::parse("x");
  ASSERT_TRUE(parsed.ok());
  RenderInput input;
  for (int i = 0; i < 1000; ++i) input.extra = Json{{"x", input.extra}};
  EXPECT_EQ(parsed->render(input).status().code(), StatusCode::resource_exhausted);
}

class DeepSource : public testing::TestWithParam<std::pair<const char*, const char*>> {};

TEST_P(DeepSource, DoesNotParse) {
  auto [open, close] = GetParam();
  for (int depth : {1000, 100'000}) {
    auto parsed = ChatTemplate::parse(repeated(open, depth) + "1" + repeated(close, depth));
    ASSERT_FALSE(parsed.ok());
    EXPECT_EQ(parsed.status().code(), StatusCode::invalid_argument);
    EXPECT_NE(parsed.status().message().find("line "), std::string::npos);
  }
}

using OpenClose = std::pair<const char*, const char*>;
INSTANTIATE_TEST_SUITE_P(ChatLimits, DeepSource,
                         testing::Values(OpenClose{"{{(", ""},
                                         OpenClose{"{% if 1 %}", "{% endif %}"},
                                         OpenClose{"{% for x in y %}", "{% endfor %}"}));

class DeepExpression : public testing::TestWithParam<std::pair<const char*, const char*>> {};

TEST_P(DeepExpression, DoesNotParse) {
  auto [open, close] = GetParam();
  for (int depth : {1000, 100'000}) {
    const std::string source = "{{ " + repeated(open, depth) + "1" + repeated(close, depth) + " }}";
    auto parsed = ChatTemplate::parse(source);
    ASSERT_FALSE(parsed.ok());
    EXPECT_EQ(parsed.status().code(), StatusCode::invalid_argument);
    EXPECT_NE(parsed.status().message().find("line 1"), std::string::npos);
  }
}

INSTANTIATE_TEST_SUITE_P(
    ChatLimits, DeepExpression,
    testing::Values(OpenClose{"(", ")"}, OpenClose{"[", "]"}, OpenClose{"{1:", "}"},
                    OpenClose{"-", ""}, OpenClose{"not ", ""}, OpenClose{"1+", ""},
                    OpenClose{"1 if 1 else ", ""}, OpenClose{"", ".x"}, OpenClose{"", "|e"},
                    OpenClose{"", " is none"}, OpenClose{"f(", ")"}, OpenClose{"1 and ", ""},
                    OpenClose{"1**", ""}, OpenClose{"", "[1]"}, OpenClose{"", "(1)"}));

TEST(ChatErrors, SayTheLine) {
  EXPECT_NE(render("a\nb\n{{ 1 / 0 }}\n").message().find("line 3"), std::string::npos);
  EXPECT_NE(render("a\nb\n{% nonsense %}\n").message().find("line 3"), std::string::npos);
  EXPECT_NE(render("a\n{# b\n").message().find("line 2"), std::string::npos);
  EXPECT_NE(render("\n\n\n{{ x.y }}").message().find("line 4: 'x' is undefined"),
            std::string::npos);
}

TEST(ChatErrors, RaiseExceptionKeepsItsWords) {
  Status status = render("\n{{ raise_exception('Roles must alternate') }}");
  EXPECT_EQ(status.code(), StatusCode::invalid_argument);
  EXPECT_EQ(status.message(), "Roles must alternate");
}

TEST(ChatErrors, SandboxRefusesChanges) {
  for (const char* source :
       {"{{ messages.append(1) }}", "{{ [1].pop() }}", "{{ {}.update({}) }}",
        "{{ {'a': 1}.pop('a') }}", "{{ [1]['clear']() }}", "{{ {}.setdefault('a', 1) }}"}) {
    Status status = render(source);
    EXPECT_EQ(status.code(), StatusCode::invalid_argument) << source;
    EXPECT_NE(status.message().find("is unsafe"), std::string::npos) << status.message();
  }
}

TEST(ChatErrors, BytesThatAreNotUtf8ArePassedOn) {
  auto parsed = ChatTemplate::parse("\xff{{ bos_token | upper }}{{ bos_token | length }}\xc3");
  ASSERT_TRUE(parsed.ok());
  RenderInput input;
  input.bos_token = "a\x80z\xf0\x9f";
  auto text = parsed->render(input);
  ASSERT_TRUE(text.ok()) << text.status().message();
  EXPECT_EQ(*text,
            "\xff"
            "A\x80Z\xf0\x9f"
            "5\xc3");
}

TEST(ChatTemplate, RendersManyTimes) {
  auto parsed = ChatTemplate::parse("{% set x = 1 %}{{ bos_token }}{{ x }}");
  ASSERT_TRUE(parsed.ok());
  ChatTemplate moved = std::move(*parsed);
  RenderInput input;
  for (const char* token : {"a", "b", ""}) {
    input.bos_token = token;
    auto text = moved.render(input);
    ASSERT_TRUE(text.ok());
    EXPECT_EQ(*text, std::string(token) + "1");
  }
}

}  // namespace
}  // namespace ix::chat
