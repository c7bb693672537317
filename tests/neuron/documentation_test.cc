// docs/neuron.md says of every status what the program says of it.
#include <fmt/format.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <fstream>
#include <string>
#include <vector>

#include "backend/neuron/nrt/nrt_status.h"

namespace ix::backend::neuron::nrt {
namespace {

const char* again(const StatusInfo& info) {
  switch (info.retry) {
    case Retry::soon:
      return "done for you, for 2 s";
    case Retry::after_freeing:
      return "when memory was freed";
    case Retry::no:
      return "no";
  }
  return "";
}

std::string row_of(const StatusInfo& info) {
  return fmt::format("| {} | {} | {} | {} | {} | {} |", info.value, info.name, info.meaning,
                     info.advice, again(info), info.sticky ? "yes" : "no");
}

TEST(NeuronDocumentation, HasTheRowOfEveryStatusAndNoOther) {
  std::ifstream file(IX_NEURON_DOC);
  ASSERT_TRUE(file);
  std::vector<std::string> rows;
  for (std::string line; std::getline(file, line);) {
    if (line.find(" | NRT_") != std::string::npos) rows.push_back(line);
  }
  std::vector<std::string> expected;
  for (const StatusInfo& info : known_statuses()) {
    if (info.value != kSuccess) expected.push_back(row_of(info));
  }
  EXPECT_THAT(rows, testing::ElementsAreArray(expected));
}

}  // namespace
}  // namespace ix::backend::neuron::nrt
