// A PJRT plugin: a shared library that compiles and runs HLO.
#pragma once

#include <cstddef>
#include <string>

#include "backend/xla/pjrt/pjrt_abi.h"
#include "backend/xla/pjrt/struct_size.h"
#include "base/result.h"

namespace ix::backend::xla::pjrt {

// Thread-safe. Once loaded a plugin stays for the life of the process: its threads and its static
// objects do not survive being unloaded.
class Plugin {
 public:
  // Loads and initialises the library; the same file gives the same plugin. not_found for a file
  // that does not exist, invalid_argument for one that is no PJRT plugin, unsupported for a version
  // that cannot be used.
  static Result<const Plugin*> load(const std::string& path);

  Plugin(const Plugin&) = delete;
  Plugin& operator=(const Plugin&) = delete;

  const std::string& path() const { return path_; }
  int version_major() const { return api_.version.major; }
  int version_minor() const { return api_.version.minor; }

  // A zeroed struct that says its size as this plugin's version counts it.
  template <typename Struct>
  Struct make() const {
    Struct value{};
    value.header.struct_size = struct_size<Struct>(api_.version.minor);
    return value;
  }

  // Calls a function of the table: call(&abi::Api::client_create, args). unsupported where the
  // plugin lacks it, otherwise what the plugin answered.
  template <typename Args>
  Status call(abi::Function<Args> abi::Api::*function, Args& args) const {
    const size_t end = offset(&(api_.*function)) + sizeof(abi::Function<Args>);
    if (end > api_.header.struct_size || api_.*function == nullptr) return lacks(end);
    return take((api_.*function)(&args));
  }

  // The status that an error of this plugin says, null = ok. Destroys the error.
  Status take(abi::Error* error) const;

 private:
  Plugin(std::string path, const abi::Api& api) : path_(std::move(path)), api_(api) {}
  static Status check(const std::string& path, const abi::Api* api);
  // Bytes from the table's start.
  size_t offset(const void* slot) const {
    return static_cast<size_t>(static_cast<const char*>(slot) -
                               reinterpret_cast<const char*>(&api_));
  }
  Status lacks(size_t table_size) const;

  std::string path_;
  const abi::Api& api_;
};

}  // namespace ix::backend::xla::pjrt
