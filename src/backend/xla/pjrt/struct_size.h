// What an argument struct's struct_size must say to a plugin of a version.
//
// The ABI counts from the struct's start to the end of its last member, without padding. Plugins
// built with XLA refuse less than they know and take more; libneuronpjrt 2.x takes its own
// version's size and no other. So a struct that has grown says the size of the plugin's version;
// what is newer than pjrt_abi.h is optional everywhere.
#pragma once

#include <cstddef>

#include "backend/xla/pjrt/pjrt_abi.h"

namespace ix::backend::xla::pjrt {

// Bytes of Struct in PJRT 0.`minor`; minor >= 57.
template <typename Struct>
size_t struct_size(int minor);

// IX_PJRT_SIZE(Struct, last): the size of a struct that is the same in all versions.
#define IX_PJRT_SIZE(Struct, last)                                  \
  template <>                                                       \
  constexpr size_t struct_size<abi::Struct>(int) {                  \
    return offsetof(abi::Struct, last) + sizeof(abi::Struct::last); \
  }

IX_PJRT_SIZE(ErrorDestroyArgs, error)
IX_PJRT_SIZE(ErrorMessageArgs, message_size)
IX_PJRT_SIZE(ErrorGetCodeArgs, code)
IX_PJRT_SIZE(NamedValue, value_size)
IX_PJRT_SIZE(PluginInitializeArgs, header)
IX_PJRT_SIZE(EventDestroyArgs, event)
IX_PJRT_SIZE(EventIsReadyArgs, is_ready)
IX_PJRT_SIZE(EventAwaitArgs, event)
IX_PJRT_SIZE(EventOnReadyArgs, user_argument)
IX_PJRT_SIZE(ClientDestroyArgs, client)
IX_PJRT_SIZE(ClientPlatformNameArgs, name_size)
IX_PJRT_SIZE(ClientPlatformVersionArgs, version_size)
IX_PJRT_SIZE(ClientAddressableDevicesArgs, num_devices)
IX_PJRT_SIZE(DeviceGetDescriptionArgs, description)
IX_PJRT_SIZE(DeviceDescriptionIdArgs, id)
IX_PJRT_SIZE(DeviceDescriptionKindArgs, kind_size)
IX_PJRT_SIZE(Program, format_size)
IX_PJRT_SIZE(ClientCompileArgs, executable)
IX_PJRT_SIZE(LoadedExecutableDestroyArgs, executable)
IX_PJRT_SIZE(LoadedExecutableGetExecutableArgs, executable)
IX_PJRT_SIZE(LoadedExecutableAddressableDevicesArgs, num_devices)
IX_PJRT_SIZE(ExecutableDestroyArgs, executable)
IX_PJRT_SIZE(ExecutableNumOutputsArgs, num_outputs)
IX_PJRT_SIZE(ExecutableOutputElementTypesArgs, num_types)
IX_PJRT_SIZE(ExecutableOutputDimensionsArgs, ranks)
IX_PJRT_SIZE(MemoryLayoutTiled, num_tiles)
IX_PJRT_SIZE(MemoryLayout, type)
IX_PJRT_SIZE(ClientBufferFromHostBufferArgs, buffer)
IX_PJRT_SIZE(LoadedExecutableExecuteArgs, execute_device)
IX_PJRT_SIZE(BufferDestroyArgs, buffer)
IX_PJRT_SIZE(BufferIsDeletedArgs, is_deleted)
IX_PJRT_SIZE(BufferUnsafePointerArgs, pointer)
IX_PJRT_SIZE(BufferToHostBufferArgs, event)
#undef IX_PJRT_SIZE

// Growth: read from the ABI's changelog (openxla/xla, xla/pjrt/c/CHANGELOG.md).
template <>
constexpr size_t struct_size<abi::ClientCreateArgs>(int minor) {
  return minor < 61 ? offsetof(abi::ClientCreateArgs, try_get_callbacks)
                    : sizeof(abi::ClientCreateArgs);
}

template <>
constexpr size_t struct_size<abi::ExecuteOptions>(int minor) {
  if (minor < 64) return offsetof(abi::ExecuteOptions, context);
  if (minor < 76) return offsetof(abi::ExecuteOptions, call_location);
  if (minor < 78) return offsetof(abi::ExecuteOptions, num_tasks);
  return sizeof(abi::ExecuteOptions);
}

template <>
constexpr size_t struct_size<abi::ExecutableGetCompiledMemoryStatsArgs>(int minor) {
  return minor < 72 ? offsetof(abi::ExecutableGetCompiledMemoryStatsArgs, peak_bytes)
                    : sizeof(abi::ExecutableGetCompiledMemoryStatsArgs);
}

}  // namespace ix::backend::xla::pjrt
