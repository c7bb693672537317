#include "doctor/driver_version.h"

#include <fmt/format.h>

#include <cstdio>
#include <cstdlib>
#include <fstream>
#include <utility>

namespace ix::cli::doctor {
namespace {

constexpr const char* kModuleVersion = "/sys/module/neuron/version";

// Major and minor; (0, 0) where it is no version.
std::pair<int, int> parse(const std::string& version) {
  int major = 0;
  int minor = 0;
  if (std::sscanf(version.c_str(), "%d.%d", &major, &minor) != 2) return {0, 0};
  return {major, minor};
}

}  // namespace

Result<std::string> loaded_driver_version() {
  const char* named = std::getenv("IX_NEURON_DRIVER");
  const std::string path = named != nullptr && *named != '\0' ? named : kModuleVersion;
  std::ifstream file(path);
  std::string version;
  if (file >> version) return version;
  return not_found(
      fmt::format("{} cannot be read: the module neuron is not loaded, or hidden from "
                  "this container",
                  path));
}

Status check_driver(const std::string& driver, const std::string& libnrt) {
  const auto driver_version = parse(driver);
  const auto library_version = parse(libnrt);
  if (driver_version == std::pair(0, 0) || library_version == std::pair(0, 0)) return ok_status();
  // Release notes of SDK 2.30 and 2.31.
  if (driver_version >= std::pair(2, 29) && library_version < std::pair(2, 33)) {
    return unsupported(
        fmt::format("driver {} needs libnrt 2.33 or later, and this is {}", driver, libnrt));
  }
  if (library_version >= std::pair(2, 32) && driver_version <= std::pair(2, 26)) {
    return unsupported(
        fmt::format("libnrt {} needs a driver later than 2.26, and this is {}", libnrt, driver));
  }
  return ok_status();
}

}  // namespace ix::cli::doctor
