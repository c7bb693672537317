#include "backend/xla/pjrt/find_plugin.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cstdlib>
#include <filesystem>

#include "support/temp_dir.h"

namespace ix::backend::xla::pjrt {
namespace {

using ::testing::AllOf;
using ::testing::HasSubstr;
using testing::TempDir;

// Makes an empty file with its folders and returns its path.
std::string touch(const TempDir& root, const std::string& file) {
  std::filesystem::create_directories(std::filesystem::path(root.path(file)).parent_path());
  return root.write(file, "");
}

std::string found(const PluginPlaces& places) {
  const auto path = find_plugin(places);
  return path.ok() ? *path : path.status().message();
}

TEST(FindPlugin, TakesTheFileThatIsNamed) {
  const TempDir root;
  touch(root, "lib/python3.11/site-packages/xla_plugins/xla_cpu_pjrt/xla_cpu_pjrt.so");
  const std::string named = touch(root, "named.so");
  EXPECT_EQ(found({named, {root.path()}, false}), named);
}

TEST(FindPlugin, SaysThatTheNamedFileIsMissing) {
  const TempDir root;
  touch(root, "lib/python3.11/site-packages/xla_plugins/xla_cpu_pjrt/xla_cpu_pjrt.so");
  const auto path = find_plugin({root.path("missing.so"), {root.path()}, false});
  EXPECT_EQ(path.status().code(), StatusCode::not_found);
  EXPECT_THAT(path.status().message(),
              AllOf(HasSubstr(root.path("missing.so")), HasSubstr("IX_PJRT_PLUGIN")));
}

TEST(FindPlugin, FindsEachPackage) {
  for (const std::string file : {"site-packages/xla_plugins/xla_cpu_pjrt/xla_cpu_pjrt.so",
                                 "site-packages/lammps_jax_pjrt_cpu/pjrt_c_api_cpu_plugin.so",
                                 "dist-packages/fastatomstruct_xla_cpu/libpjrt_cpu.so"}) {
    const TempDir root;
    touch(root, "lib/python3.11/site-packages/xla_plugins/xla_cpu_pjrt/__init__.py");
    const std::string plugin = touch(root, "lib/python3.12/" + file);
    EXPECT_EQ(found({"", {root.path("nowhere"), root.path()}, false}), plugin);
  }
}

TEST(FindPlugin, PrefersAGpusPluginWhereThereIsAGpu) {
  const TempDir cpu_root;
  const TempDir gpu_root;
  const std::string packages = "lib/python3.11/site-packages/";
  const std::string cpu = touch(cpu_root, packages + "xla_plugins/xla_cpu_pjrt/xla_cpu_pjrt.so");
  const std::string gpu = touch(gpu_root, packages + "jax_plugins/xla_cuda12/xla_cuda_plugin.so");
  EXPECT_EQ(found({"", {cpu_root.path(), gpu_root.path()}, true}), gpu);
  EXPECT_EQ(found({"", {gpu_root.path(), cpu_root.path()}, false}), cpu);
}

TEST(FindPlugin, SaysWhereItLookedAndHowToInstallOne) {
  const TempDir root;
  const auto path = find_plugin({"", {root.path()}, false});
  EXPECT_EQ(path.status().code(), StatusCode::not_found);
  EXPECT_THAT(path.status().message(),
              AllOf(HasSubstr(root.path()), HasSubstr("IX_PJRT_PLUGIN"),
                    HasSubstr("xla_plugins/*/*.so"), HasSubstr("pip install xla-cpu-pjrt")));
}

TEST(FindPlugin, LooksWhereTheEnvironmentSays) {
  ASSERT_EQ(::setenv("IX_PJRT_PLUGIN", "/some/plugin.so", 1), 0);
  ASSERT_EQ(::setenv("VIRTUAL_ENV", "/some/environment", 1), 0);
  const PluginPlaces places = default_plugin_places();
  ::unsetenv("IX_PJRT_PLUGIN");
  ::unsetenv("VIRTUAL_ENV");
  EXPECT_EQ(places.named, "/some/plugin.so");
  EXPECT_EQ(places.environments.front(), "/some/environment");
  EXPECT_EQ(default_plugin_places().named, "");
}

}  // namespace
}  // namespace ix::backend::xla::pjrt
