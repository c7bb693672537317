#include "backend/neuron/nrt/nrt_library.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cstdlib>

namespace ix::backend::neuron::nrt {
namespace {

using testing::AllOf;
using testing::HasSubstr;
using testing::Not;

TEST(NrtLibrary, NamesTheFunctionsThatALibraryLacks) {
  const auto library = Library::load(IX_LACKING_LIBNRT);
  ASSERT_FALSE(library.ok());
  EXPECT_EQ(library.status().code(), StatusCode::unsupported);
  EXPECT_THAT(library.status().message(),
              AllOf(HasSubstr("nrt_init, nrt_get_version"), HasSubstr("nrt_execute"),
                    Not(HasSubstr("nrt_close"))));
  EXPECT_THAT(library.status().message(), Not(HasSubstr("nrt_get_vnc_memory_stats")));
}

TEST(NrtLibrary, SaysThatAPathDoesNotExist) {
  ::setenv("IX_LIBNRT", "/nonexistent/libnrt.so.1", 1);
  const auto library = Library::load();
  ::unsetenv("IX_LIBNRT");
  ASSERT_FALSE(library.ok());
  EXPECT_EQ(library.status().code(), StatusCode::not_found);
  EXPECT_THAT(library.status().message(), HasSubstr("/nonexistent/libnrt.so.1"));
}

TEST(NrtLibrary, SaysWhatToInstallWhereThereIsNone) {
  const auto library = Library::load();
  if (library.ok()) GTEST_SKIP() << "this machine has " << library.value()->path();
  EXPECT_EQ(library.status().code(), StatusCode::not_found);
  EXPECT_THAT(library.status().message(),
              AllOf(HasSubstr("aws-neuronx-runtime-lib"), HasSubstr("IX_LIBNRT")));
}

}  // namespace
}  // namespace ix::backend::neuron::nrt
