#include "backend/xla/pjrt/find_plugin.h"

#include <fmt/format.h>

#include <algorithm>
#include <cstdlib>
#include <filesystem>
#include <string_view>

namespace ix::backend::xla::pjrt {
namespace {

namespace fs = std::filesystem;

constexpr const char* kVariable = "IX_PJRT_PLUGIN";

// Files of Python packages, below site-packages; * stands for any name of one folder.
struct Package {
  bool gpu;
  const char* folder;  // its last component may end in *
  const char* file;    // may begin with *: then the rest is the end of the name
};
constexpr Package kPackages[] = {
    {true, "jax_plugins/xla_cuda*", "xla_cuda_plugin.so"},  // jax-cuda*-pjrt
    {false, "xla_plugins/*", "*.so"},                       // xla-cpu-pjrt
    {false, "lammps_jax_pjrt_cpu", "pjrt_c_api_cpu_plugin.so"},
    {false, "fastatomstruct_xla_cpu", "libpjrt_cpu.so"},
};

std::string variable(const char* name) {
  const char* value = std::getenv(name);
  return value != nullptr ? value : "";
}

bool matches(std::string_view name, std::string_view pattern) {
  if (pattern.starts_with('*')) return name.ends_with(pattern.substr(1));
  if (pattern.ends_with('*')) return name.starts_with(pattern.substr(0, pattern.size() - 1));
  return name == pattern;
}

// Entries of a folder whose name matches, sorted; none where it cannot be read.
std::vector<fs::path> entries(const fs::path& folder, std::string_view pattern) {
  std::vector<fs::path> found;
  std::error_code error;
  for (fs::directory_iterator entry(folder, error), end; !error && entry != end;
       entry.increment(error)) {
    if (matches(entry->path().filename().string(), pattern)) found.push_back(entry->path());
  }
  std::sort(found.begin(), found.end());
  return found;
}

// site-packages and Debian's dist-packages of an environment.
std::vector<fs::path> package_folders(const fs::path& environment) {
  std::vector<fs::path> folders;
  for (const fs::path& python : entries(environment / "lib", "python3*")) {
    folders.push_back(python / "site-packages");
    folders.push_back(python / "dist-packages");
  }
  return folders;
}

// The package's plugin below a site-packages folder; empty for none.
std::string plugin_of(const Package& package, const fs::path& packages) {
  const fs::path pattern = packages / package.folder;
  for (const fs::path& folder : entries(pattern.parent_path(), pattern.filename().string())) {
    const std::vector<fs::path> files = entries(folder, package.file);
    if (!files.empty()) return files.front().string();
  }
  return "";
}

}  // namespace

PluginPlaces default_plugin_places() {
  PluginPlaces places;
  places.named = variable(kVariable);
  for (const char* name : {"VIRTUAL_ENV", "CONDA_PREFIX"}) {
    if (std::string root = variable(name); !root.empty()) places.environments.push_back(root);
  }
  if (std::string home = variable("HOME"); !home.empty()) {
    places.environments.push_back(home + "/.local");
  }
  places.environments.emplace_back("/usr/local");
  places.environments.emplace_back("/usr");
  std::error_code ignored;
  places.gpu = fs::exists("/dev/nvidiactl", ignored);
  return places;
}

Result<std::string> find_plugin(const PluginPlaces& places) {
  if (!places.named.empty()) {
    std::error_code ignored;
    if (fs::exists(places.named, ignored)) return places.named;
    return not_found(fmt::format("PJRT plugin {} ({}) does not exist", places.named, kVariable));
  }
  for (const bool gpu : {true, false}) {
    if (gpu && !places.gpu) continue;
    for (const std::string& environment : places.environments) {
      for (const fs::path& folder : package_folders(environment)) {
        for (const Package& package : kPackages) {
          if (package.gpu != gpu) continue;
          if (std::string path = plugin_of(package, folder); !path.empty()) return path;
        }
      }
    }
  }
  std::vector<std::string> files;
  for (const Package& package : kPackages) {
    if (package.gpu && !places.gpu) continue;
    files.push_back(fmt::format("{}/{}", package.folder, package.file));
  }
  return not_found(fmt::format(
      "no PJRT plugin found: none of {} is in the Python environments {}. Install one with "
      "`pip install xla-cpu-pjrt`, or set {} to a plugin's file",
      fmt::join(files, ", "), fmt::join(places.environments, ", "), kVariable));
}

}  // namespace ix::backend::xla::pjrt
