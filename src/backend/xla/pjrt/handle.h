// Owners of a plugin's objects.
#pragma once

#include <memory>

#include "backend/xla/pjrt/plugin.h"

namespace ix::backend::xla::pjrt {

template <typename Object>
struct Destroy {
  const Plugin* plugin = nullptr;
  void operator()(Object* object) const;
};

// Destroys its object; client and executables must outlive what they made only where the ABI says
// so: a buffer or executable whose work is in flight may go.
template <typename Object>
using Handle = std::unique_ptr<Object, Destroy<Object>>;

template <typename Object>
Handle<Object> own(const Plugin& plugin, Object* object) {
  return Handle<Object>(object, Destroy<Object>{&plugin});
}

// A plugin has no way to keep an object, so what a destroying call answers is dropped.
template <>
void Destroy<abi::Client>::operator()(abi::Client* client) const;
template <>
void Destroy<abi::LoadedExecutable>::operator()(abi::LoadedExecutable* executable) const;
template <>
void Destroy<abi::Executable>::operator()(abi::Executable* executable) const;
template <>
void Destroy<abi::Buffer>::operator()(abi::Buffer* buffer) const;
template <>
void Destroy<abi::Event>::operator()(abi::Event* event) const;

}  // namespace ix::backend::xla::pjrt
