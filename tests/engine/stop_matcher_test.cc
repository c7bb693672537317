#include "engine/stop_matcher.h"

#include <gtest/gtest.h>
#include <rapidcheck.h>

#include <optional>
#include <string>
#include <vector>

namespace ix::engine {
namespace {

struct Output {
  std::string text;
  bool stopped;
};

Output push(StopMatcher& matcher, std::string_view text) {
  Output out;
  out.stopped = matcher.push(text, out.text);
  return out;
}

std::string finish(StopMatcher& matcher) {
  std::string out;
  matcher.finish(out);
  return out;
}

TEST(StopMatcher, PassesTextWithoutStopStrings) {
  StopMatcher matcher({});
  EXPECT_EQ(push(matcher, "abc").text, "abc");
  EXPECT_EQ(finish(matcher), "");
}

TEST(StopMatcher, HoldsBackWhatMayBecomeAStopString) {
  StopMatcher matcher({"END"});
  EXPECT_EQ(push(matcher, "xE").text, "x");
  EXPECT_EQ(push(matcher, "N").text, "");
  EXPECT_EQ(push(matcher, "x").text, "ENx");
  EXPECT_EQ(push(matcher, "EN").text, "");
  const auto out = push(matcher, "D!");
  EXPECT_TRUE(out.stopped);
  EXPECT_EQ(out.text, "");
  EXPECT_EQ(finish(matcher), "");
}

TEST(StopMatcher, GivesHeldTextBackAtTheEnd) {
  StopMatcher matcher({"END"});
  EXPECT_EQ(push(matcher, "the EN").text, "the ");
  EXPECT_EQ(finish(matcher), "EN");
}

TEST(StopMatcher, FindsAMatchThatBeginsInsideAFailedOne) {
  StopMatcher matcher({"aab"});
  EXPECT_EQ(push(matcher, "aa").text, "");
  const auto out = push(matcher, "ab");
  EXPECT_TRUE(out.stopped);
  EXPECT_EQ(out.text, "a");
}

TEST(StopMatcher, EndsAtTheStopStringThatEndsFirst) {
  StopMatcher matcher({"abcd", "bc"});
  const auto out = push(matcher, "xabcd");
  EXPECT_TRUE(out.stopped);
  EXPECT_EQ(out.text, "xa");
}

TEST(StopMatcher, DropsTextAfterTheStopString) {
  StopMatcher matcher({"."});
  EXPECT_EQ(push(matcher, "one. two").text, "one");
  EXPECT_EQ(push(matcher, "three").text, "");
}

// The whole text at once: the first place where some stop string ends.
std::optional<std::string> text_before_stop(const std::string& text,
                                            const std::vector<std::string>& stops) {
  for (size_t end = 1; end <= text.size(); ++end) {
    size_t longest = 0;
    for (const auto& stop : stops) {
      if (stop.size() <= end && text.compare(end - stop.size(), stop.size(), stop) == 0) {
        longest = std::max(longest, stop.size());
      }
    }
    if (longest > 0) return text.substr(0, end - longest);
  }
  return std::nullopt;
}

TEST(StopMatcher, DoesNotDependOnHowTextIsCut) {
  const bool holds = rc::check("same text for every cut", [] {
    const auto letters = rc::gen::elementOf(std::string("ab"));
    const auto pieces =
        *rc::gen::container<std::vector<std::string>>(rc::gen::container<std::string>(letters));
    const auto stops = *rc::gen::container<std::vector<std::string>>(
        rc::gen::nonEmpty(rc::gen::container<std::string>(letters)));
    StopMatcher matcher(stops);
    std::string whole;
    std::string seen;
    bool stopped = false;
    for (const auto& piece : pieces) {
      whole += piece;
      const auto out = push(matcher, piece);
      seen += out.text;
      stopped = out.stopped;
    }
    seen += finish(matcher);
    const auto expected = text_before_stop(whole, stops);
    RC_ASSERT(stopped == expected.has_value());
    RC_ASSERT(seen == expected.value_or(whole));
  });
  EXPECT_TRUE(holds);
}

}  // namespace
}  // namespace ix::engine
