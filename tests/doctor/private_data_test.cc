#include "doctor/private_data.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace ix::cli::doctor {
namespace {

TEST(PrivateData, IsTakenOutOfTexts) {
  const PrivateData data({"ada", "box-7"}, {"/home/ada", "/opt/models", "build/lib.so"});
  EXPECT_EQ(data.remove_from("cannot load /home/ada/libnrt.so.1: no such file"),
            "cannot load (path): no such file");
  EXPECT_EQ(data.remove_from("File \"/usr/lib/x y.py\", line 3"), "File \"(path) y.py\", line 3");
  EXPECT_EQ(data.remove_from("IX_LIBNRT=build/lib.so is no library"),
            "IX_LIBNRT=(path) is no library");
  EXPECT_EQ(data.remove_from("ada@box-7: adage"), "(name)@(name): adage");
  EXPECT_EQ(data.remove_from("(/tmp/a; ~/b, ./c:../d)"), "((path); (path), (path):(path))");
}

TEST(PrivateData, LeavesOtherTextsAlone) {
  const PrivateData data({"ada", ""}, {"/", ""});
  for (const char* text :
       {"load 2.75 GB/s", "1/3", "a / b", "and/or", "NRT_EXEC_OOB (1006)", "f32[4,8]"}) {
    EXPECT_EQ(data.remove_from(text), text);
  }
}

TEST(PrivateData, OfTheEnvironmentIsWhatIsNotOnTheList) {
  ::setenv("NEURON_RT_VISIBLE_CORES", "0-3", 1);
  ::setenv("NEURON_RT_LOG_LEVEL", "/tmp/level", 1);
  ::setenv("NEURON_RT_ROOT_COMM_ID", "10.0.0.7:1234", 1);
  ::setenv("NEURON_RT_INSPECT_OUTPUT_DIR", "/tmp/out", 1);
  using Variable = std::pair<std::string, std::string>;
  const auto shown = neuron_environment();
  EXPECT_THAT(shown, testing::Contains(Variable("NEURON_RT_VISIBLE_CORES", "0-3")));
  EXPECT_THAT(shown, testing::Contains(Variable("NEURON_RT_LOG_LEVEL", "(not shown)")));
  for (const auto& [name, value] : shown) {
    EXPECT_NE(name, "NEURON_RT_ROOT_COMM_ID");
    EXPECT_NE(name, "NEURON_RT_INSPECT_OUTPUT_DIR");
  }
}

}  // namespace
}  // namespace ix::cli::doctor
