#include "backend/neuron/nrt/nrt_library.h"

#include <dlfcn.h>
#include <fmt/format.h>
#include <fmt/ranges.h>

#include <cstdlib>
#include <tuple>
#include <vector>

#include "backend/neuron/nrt/nrt_status.h"

namespace ix::backend::neuron::nrt {
namespace {

constexpr const char* kSoname = "libnrt.so.1";
constexpr const char* kInstalled = "/opt/aws/neuron/lib/libnrt.so.1";
constexpr uint64_t kMajor = 2;
// Before it, allocations of 4 GiB and more wrapped around.
constexpr uint64_t kOldestMinor = 30;
constexpr uint64_t kOldestPatch = 50;

// The library's threads and its exit handlers outlive any handle, so it is never unmapped.
void* open_library(const std::string& path) {
  return ::dlopen(path.c_str(), RTLD_NOW | RTLD_LOCAL | RTLD_NODELETE);
}

std::string last_error() {
  const char* text = ::dlerror();
  return text != nullptr ? text : "no reason given";
}

struct Opened {
  void* handle;
  std::string path;
};

Result<Opened> open_first(const std::string& path) {
  const char* forced = path.empty() ? std::getenv("IX_LIBNRT") : path.c_str();
  if (forced != nullptr && *forced != '\0') {
    if (void* handle = open_library(forced)) return Opened{handle, forced};
    return not_found(fmt::format("cannot load libnrt: {}", last_error()));
  }
  std::string reasons;
  for (const char* candidate : {kSoname, kInstalled}) {
    if (void* handle = open_library(candidate)) return Opened{handle, candidate};
    reasons += fmt::format("\n  {}", last_error());
  }
  return not_found(
      fmt::format("libnrt is not installed: install aws-neuronx-runtime-lib, or set IX_LIBNRT to "
                  "the path of {}{}",
                  kSoname, reasons));
}

template <typename Function>
bool resolve(void* handle, const char* name, Function& function) {
  function = reinterpret_cast<Function>(::dlsym(handle, name));
  return function != nullptr;
}

std::vector<const char*> resolve_all(void* handle, Functions& functions) {
  std::vector<const char*> missing;
#define IX_NRT_REQUIRE(result, name, parameters) \
  if (!resolve(handle, "nrt_" #name, functions.name)) missing.push_back("nrt_" #name);
#define IX_NRT_RESOLVE(result, name, parameters) resolve(handle, "nrt_" #name, functions.name);
  IX_NRT_REQUIRED_FUNCTIONS(IX_NRT_REQUIRE)
  IX_NRT_OTHER_BASE_FUNCTIONS(IX_NRT_RESOLVE)
  IX_NRT_OPTIONAL_FUNCTIONS(IX_NRT_RESOLVE)
#undef IX_NRT_REQUIRE
#undef IX_NRT_RESOLVE
  return missing;
}

}  // namespace

Result<std::shared_ptr<const Library>> Library::load(const std::string& path) {
  IX_ASSIGN_OR_RETURN(const Opened opened, open_first(path));
  const std::shared_ptr<Library> library(new Library);
  library->path_ = opened.path;
  const std::vector<const char*> missing = resolve_all(opened.handle, library->functions_);
  if (!missing.empty()) {
    return unsupported(fmt::format("{} is not a libnrt that can be used: it lacks {}", opened.path,
                                   fmt::join(missing, ", ")));
  }
  IX_RETURN_IF_ERROR(to_status(library->functions_.get_version(&library->version_, sizeof(Version)),
                               fmt::format("nrt_get_version of {}", opened.path)));
  const Version& version = library->version_;
  if (version.major != kMajor ||
      std::tie(version.minor, version.patch) < std::tie(kOldestMinor, kOldestPatch)) {
    return unsupported(fmt::format(
        "{} is libnrt {}; needed is {}.{}.{} or a later {}.x: update "
        "aws-neuronx-runtime-lib",
        opened.path, library->version_text(), kMajor, kOldestMinor, kOldestPatch, kMajor));
  }
  return std::shared_ptr<const Library>(library);
}

std::string Library::version_text() const {
  return fmt::format("{}.{}.{}.{}", version_.major, version_.minor, version_.patch,
                     version_.maintenance);
}

}  // namespace ix::backend::neuron::nrt
