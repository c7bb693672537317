#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "doctor/driver_version.h"

namespace ix::cli::doctor {
namespace {

// AWS's release notes of SDK 2.30 and 2.31, as docs/neuron.md has them.
TEST(DriverVersion, GoesWithSomeLibraries) {
  EXPECT_TRUE(check_driver("2.30.2", "2.34.10.0").ok());
  EXPECT_TRUE(check_driver("2.26.10", "2.30.51.0").ok());
  EXPECT_TRUE(check_driver("2.28.0", "2.32.31.0").ok());
  EXPECT_THAT(check_driver("2.29.0", "2.32.31.0").message(), testing::HasSubstr("2.33 or later"));
  EXPECT_THAT(check_driver("2.26.10", "2.32.31.0").message(),
              testing::HasSubstr("later than 2.26"));
  EXPECT_TRUE(check_driver("unknown", "2.32.31.0").ok());
  EXPECT_TRUE(check_driver("2.26.10", "").ok());
}

}  // namespace
}  // namespace ix::cli::doctor
