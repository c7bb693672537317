#include "edit_distance.h"

#include <gtest/gtest.h>

#include <string>
#include <vector>

namespace ix::cli {
namespace {

TEST(EditDistance, CountsTheFewestChanges) {
  EXPECT_EQ(edit_distance("", "abc"), 3U);
  EXPECT_EQ(edit_distance("kitten", "sitting"), 3U);
  EXPECT_EQ(edit_distance("--tmep", "--temp"), 1U);  // a swap is one change
  EXPECT_EQ(edit_distance("same", "same"), 0U);
}

TEST(Nearest, NamesTheClosestOrNothing) {
  const std::vector<std::string> flags = {"--temp", "--top-k", "--top-p", "-n"};
  EXPECT_EQ(nearest("--tmep", flags), "--temp");
  EXPECT_EQ(nearest("--topk", flags), "--top-k");
  EXPECT_EQ(nearest("--something-else", flags), "");
  EXPECT_EQ(nearest(std::string(1000, 'x'), flags), "");
}

}  // namespace
}  // namespace ix::cli
