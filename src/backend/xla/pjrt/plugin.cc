#include "backend/xla/pjrt/plugin.h"

#include <dlfcn.h>
#include <fmt/format.h>

#include <filesystem>
#include <map>
#include <memory>
#include <mutex>

namespace ix::backend::xla::pjrt {
namespace {

// 0.57 put the functions into the order that they have kept since.
constexpr int kOldestMinor = 57;

StatusCode to_status_code(abi::ErrorCode code) {
  switch (code) {
    case abi::ErrorCode::ok:
      break;
    case abi::ErrorCode::cancelled:
    case abi::ErrorCode::aborted:
      return StatusCode::cancelled;
    case abi::ErrorCode::invalid_argument:
    case abi::ErrorCode::out_of_range:
    case abi::ErrorCode::failed_precondition:
    case abi::ErrorCode::already_exists:
      return StatusCode::invalid_argument;
    case abi::ErrorCode::deadline_exceeded:
      return StatusCode::deadline_exceeded;
    case abi::ErrorCode::not_found:
      return StatusCode::not_found;
    case abi::ErrorCode::permission_denied:
    case abi::ErrorCode::unauthenticated:
      return StatusCode::permission_denied;
    case abi::ErrorCode::resource_exhausted:
      return StatusCode::resource_exhausted;
    case abi::ErrorCode::unimplemented:
      return StatusCode::unsupported;
    case abi::ErrorCode::unavailable:
      return StatusCode::unavailable;
    case abi::ErrorCode::data_loss:
      return StatusCode::corrupt;
    case abi::ErrorCode::unknown:
    case abi::ErrorCode::internal:
      return StatusCode::internal;
  }
  return StatusCode::internal;
}

std::string last_dl_error() {
  const char* text = ::dlerror();
  return text != nullptr ? text : "unknown error";
}

}  // namespace

Result<const Plugin*> Plugin::load(const std::string& path) {
  std::error_code error;
  const std::string file = std::filesystem::canonical(path, error).string();
  if (error) return not_found(fmt::format("PJRT plugin {}: {}", path, error.message()));
  if (!std::filesystem::is_regular_file(file, error)) {
    return invalid_argument(fmt::format("PJRT plugin {}: not a file", path));
  }

  static std::mutex mutex;
  // Never destroyed: threads of a plugin may outlive main().
  static auto& plugins = *new std::map<const abi::Api*, std::unique_ptr<Plugin>>;
  const std::scoped_lock lock(mutex);

  void* library = ::dlopen(file.c_str(), RTLD_NOW | RTLD_LOCAL);
  if (library == nullptr) {
    return invalid_argument(
        fmt::format("PJRT plugin {}: cannot be loaded: {}", path, last_dl_error()));
  }
  using GetApi = const abi::Api* (*)();
  const auto get_api = reinterpret_cast<GetApi>(::dlsym(library, "GetPjrtApi"));
  if (get_api == nullptr) {
    return invalid_argument(
        fmt::format("{} is no PJRT plugin: it has no function GetPjrtApi", path));
  }
  const abi::Api* api = get_api();
  if (const auto known = plugins.find(api); known != plugins.end()) return known->second.get();
  IX_RETURN_IF_ERROR(check(path, api));

  std::unique_ptr<Plugin> plugin(new Plugin(file, *api));
  auto args = plugin->make<abi::PluginInitializeArgs>();
  const Status initialised = plugin->call(&abi::Api::plugin_initialize, args);
  if (!initialised.ok()) return initialised.with_context(path);
  return plugins.emplace(api, std::move(plugin)).first->second.get();
}

Status Plugin::check(const std::string& path, const abi::Api* api) {
  if (api == nullptr) {
    return invalid_argument(fmt::format("PJRT plugin {}: GetPjrtApi answers nothing", path));
  }
  // Up to the functions that take() needs; call() checks every other one.
  if (api->header.struct_size < offsetof(abi::Api, plugin_initialize)) {
    return invalid_argument(fmt::format("PJRT plugin {}: its table of functions is {} bytes long",
                                        path, api->header.struct_size));
  }
  if (api->version.major != 0 || api->version.minor < kOldestMinor) {
    return unsupported(fmt::format(
        "PJRT plugin {}: it has PJRT {}.{}, 0.{} or later is needed (libneuronpjrt 2: set "
        "NEURON_INTERNAL_PJRT_C_API_VERSION=0.75)",
        path, api->version.major, api->version.minor, kOldestMinor));
  }
  return {};
}

Status Plugin::take(abi::Error* error) const {
  if (error == nullptr) return {};
  auto code = make<abi::ErrorGetCodeArgs>();
  code.error = error;
  code.code = abi::ErrorCode::unknown;
  auto destroy = make<abi::ErrorDestroyArgs>();
  if (abi::Error* nested = api_.error_get_code(&code); nested != nullptr) {
    destroy.error = nested;
    api_.error_destroy(&destroy);
  }
  auto message = make<abi::ErrorMessageArgs>();
  message.error = error;
  api_.error_message(&message);
  Status status(to_status_code(code.code), message.message != nullptr
                                               ? std::string(message.message, message.message_size)
                                               : "the PJRT plugin gives no reason");
  destroy.error = error;
  api_.error_destroy(&destroy);
  return status;
}

Status Plugin::lacks(size_t table_size) const {
  return unsupported(fmt::format(
      "PJRT plugin {} (PJRT {}.{}) lacks a function: its table has {} of {} bytes, or "
      "the function is null",
      path_, api_.version.major, api_.version.minor, api_.header.struct_size, table_size));
}

}  // namespace ix::backend::xla::pjrt
