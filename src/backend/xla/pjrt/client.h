// A plugin's devices, and what is made on them.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include "backend/xla/hlo/shape.h"
#include "backend/xla/pjrt/buffer.h"
#include "backend/xla/pjrt/executable.h"

namespace ix::backend::xla::pjrt {

// An option of a plugin. CPU plugins of 0.106 and earlier abort the process where a name that they
// know comes with another type.
struct ClientOption {
  std::string name;
  std::variant<bool, int64_t, float, std::string, std::vector<int64_t>> value;
};

// A buffer whose content may still be on its way from the host's memory.
struct HostTransfer {
  Buffer buffer;
  Event done;  // when the plugin no longer needs the host's memory
};

// Thread-safe. Outlives everything made with it.
class Client {
 public:
  static Result<std::unique_ptr<Client>> create(const Plugin& plugin,
                                                std::span<const ClientOption> options);

  const Plugin& plugin() const { return *plugin_; }
  const std::string& platform() const { return platform_; }  // "cpu", "cuda"
  std::span<abi::Device* const> devices() const { return devices_; }

  // The id that compile options name a device by.
  Result<int> device_id(size_t device) const;

  // `hlo` is a serialised HloModuleProto, `options` a compile_options().
  Result<Executable> compile(std::string_view hlo, std::string_view options) const;

  // An array from `data`, row-major, hlo::byte_size(shape) bytes; null for no bytes. What the
  // plugin may do with them, and how long, `semantics` says. Zero copy needs a 64-byte boundary.
  Result<HostTransfer> transfer(size_t device, const hlo::Shape& shape, const void* data,
                                abi::HostBufferSemantics semantics) const;

 private:
  Client(const Plugin& plugin, abi::Client* client)
      : plugin_(&plugin), client_(own(plugin, client)) {}
  Status describe();

  const Plugin* plugin_;
  Handle<abi::Client> client_;
  std::string platform_;
  std::vector<abi::Device*> devices_;
};

}  // namespace ix::backend::xla::pjrt
