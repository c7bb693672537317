#include "backend/xla/pjrt/handle.h"

namespace ix::backend::xla::pjrt {
namespace {

template <typename Args, typename Object>
void destroy(const Plugin& plugin, abi::Function<Args> abi::Api::*function, Object* Args::*member,
             Object* object) {
  auto args = plugin.make<Args>();
  args.*member = object;
  static_cast<void>(plugin.call(function, args));
}

}  // namespace

template <>
void Destroy<abi::Client>::operator()(abi::Client* client) const {
  destroy(*plugin, &abi::Api::client_destroy, &abi::ClientDestroyArgs::client, client);
}

template <>
void Destroy<abi::LoadedExecutable>::operator()(abi::LoadedExecutable* executable) const {
  destroy(*plugin, &abi::Api::loaded_executable_destroy,
          &abi::LoadedExecutableDestroyArgs::executable, executable);
}

template <>
void Destroy<abi::Executable>::operator()(abi::Executable* executable) const {
  destroy(*plugin, &abi::Api::executable_destroy, &abi::ExecutableDestroyArgs::executable,
          executable);
}

template <>
void Destroy<abi::Buffer>::operator()(abi::Buffer* buffer) const {
  destroy(*plugin, &abi::Api::buffer_destroy, &abi::BufferDestroyArgs::buffer, buffer);
}

template <>
void Destroy<abi::Event>::operator()(abi::Event* event) const {
  destroy(*plugin, &abi::Api::event_destroy, &abi::EventDestroyArgs::event, event);
}

}  // namespace ix::backend::xla::pjrt
