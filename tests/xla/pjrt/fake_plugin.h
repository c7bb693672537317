// The fake plugins of fake_plugin.cc, and what only they can do.
#pragma once

#include <dlfcn.h>

#include <string>

#include "base/check.h"

namespace ix::testing {

class FakePlugin {
 public:
  // IX_FAKE_PLUGIN_*: paths of the builds.
  explicit FakePlugin(std::string path) : path_(std::move(path)) {
    library_ = ::dlopen(path_.c_str(), RTLD_NOW | RTLD_LOCAL);
    IX_CHECK(library_ != nullptr);
  }

  const std::string& path() const { return path_; }
  // Objects that were made and not destroyed.
  int live_objects() const { return function<int()>("fake_pjrt_live_objects")(); }
  void end_hanging() const { function<void()>("fake_pjrt_end_hanging")(); }

 private:
  template <typename Function>
  Function* function(const char* name) const {
    auto* found = reinterpret_cast<Function*>(::dlsym(library_, name));
    IX_CHECK(found != nullptr);
    return found;
  }

  std::string path_;
  void* library_;
};

}  // namespace ix::testing
