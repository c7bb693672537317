// The part of the PJRT C ABI that is used: memory layouts of its structs, values of its enums and
// the places of its functions in the plugin's table, as of version 0.81 (openxla/xla,
// xla/pjrt/c/pjrt_c_api.h). A test compares all of it with the header that a plugin package ships.
//
// The ABI grows at the end of structs and of the table; nothing has moved since 0.57. Every
// argument struct begins with a Header whose struct_size says how much of it the caller knows:
// struct_size.h.
#pragma once

#include <cstddef>
#include <cstdint>

namespace ix::backend::xla::pjrt::abi {

// Objects of the plugin.
struct Error;
struct Event;
struct Client;
struct Device;
struct DeviceDescription;
struct Memory;
struct LoadedExecutable;
struct Executable;
struct Buffer;
struct ExecuteContext;
struct Extension;

struct Header {
  size_t struct_size;
  Extension* extensions;  // none are used: null
};

struct ApiVersion {
  Header header;
  int major;
  int minor;
};

// absl::StatusCode.
enum class ErrorCode : int {
  ok = 0,
  cancelled = 1,
  unknown = 2,
  invalid_argument = 3,
  deadline_exceeded = 4,
  not_found = 5,
  already_exists = 6,
  permission_denied = 7,
  resource_exhausted = 8,
  failed_precondition = 9,
  aborted = 10,
  out_of_range = 11,
  unimplemented = 12,
  internal = 13,
  unavailable = 14,
  data_loss = 15,
  unauthenticated = 16,
};

struct ErrorDestroyArgs {
  Header header;
  Error* error;
};

struct ErrorMessageArgs {
  Header header;
  const Error* error;
  const char* message;  // out; dies with the error
  size_t message_size;  // out
};

struct ErrorGetCodeArgs {
  Header header;
  const Error* error;
  ErrorCode code;  // out
};

enum class NamedValueType : int { string = 0, int64 = 1, int64_list = 2, float32 = 3, boolean = 4 };

struct NamedValue {
  Header header;
  const char* name;
  size_t name_size;
  NamedValueType type;
  union {
    const char* string_value;
    int64_t int64_value;
    const int64_t* int64_list_value;
    float float_value;
    bool bool_value;
  };
  size_t value_size;  // elements of a string or list; 1 for a scalar
};

struct PluginInitializeArgs {
  Header header;
};

struct EventDestroyArgs {
  Header header;
  Event* event;
};

struct EventIsReadyArgs {
  Header header;
  Event* event;
  bool is_ready;  // out
};

struct EventAwaitArgs {
  Header header;
  Event* event;
};

// Owns the error.
using EventCallback = void (*)(Error* error, void* user_argument);

struct EventOnReadyArgs {
  Header header;
  Event* event;
  EventCallback callback;
  void* user_argument;
};

struct ClientCreateArgs {
  Header header;
  const NamedValue* options;
  size_t num_options;
  void* key_value_callbacks[4];  // of programs that span processes: null
  Client* client;                // out
  void* try_get_callbacks[2];    // the same
};

struct ClientDestroyArgs {
  Header header;
  Client* client;
};

struct ClientPlatformNameArgs {
  Header header;
  Client* client;
  const char* name;  // out; lives as long as the client
  size_t name_size;  // out
};

struct ClientPlatformVersionArgs {
  Header header;
  Client* client;
  const char* version;  // out; lives as long as the client
  size_t version_size;  // out
};

struct ClientAddressableDevicesArgs {
  Header header;
  Client* client;
  Device* const* devices;  // out; the client's
  size_t num_devices;      // out
};

struct DeviceGetDescriptionArgs {
  Header header;
  Device* device;
  DeviceDescription* description;  // out; the device's
};

struct DeviceDescriptionIdArgs {
  Header header;
  DeviceDescription* description;
  int id;  // out
};

struct DeviceDescriptionKindArgs {
  Header header;
  DeviceDescription* description;
  const char* kind;  // out; the device's
  size_t kind_size;  // out
};

struct Program {
  Header header;
  char* code;
  size_t code_size;
  const char* format;  // "hlo": a serialised HloModuleProto
  size_t format_size;
};

struct ClientCompileArgs {
  Header header;
  Client* client;
  const Program* program;
  const char* options;  // a serialised CompileOptionsProto
  size_t options_size;
  LoadedExecutable* executable;  // out
};

struct LoadedExecutableDestroyArgs {
  Header header;
  LoadedExecutable* executable;
};

struct LoadedExecutableGetExecutableArgs {
  Header header;
  LoadedExecutable* loaded_executable;
  Executable* executable;  // out; the caller's
};

struct LoadedExecutableAddressableDevicesArgs {
  Header header;
  LoadedExecutable* executable;
  Device* const* devices;  // out; the executable's
  size_t num_devices;      // out
};

struct ExecutableDestroyArgs {
  Header header;
  Executable* executable;
};

struct ExecutableNumOutputsArgs {
  Header header;
  Executable* executable;
  size_t num_outputs;  // out
};

// Not the numbers of xla.PrimitiveType.
enum class BufferType : int {
  invalid = 0,
  pred = 1,
  s8 = 2,
  s16 = 3,
  s32 = 4,
  s64 = 5,
  u8 = 6,
  u16 = 7,
  u32 = 8,
  u64 = 9,
  f16 = 10,
  f32 = 11,
  f64 = 12,
  bf16 = 13,
};

struct ExecutableOutputElementTypesArgs {
  Header header;
  Executable* executable;
  BufferType* types;  // out; the executable's
  size_t num_types;   // out
};

struct ExecutableOutputDimensionsArgs {
  Header header;
  Executable* executable;
  size_t num_outputs;
  const int64_t* dims;  // out; those of all outputs in a row; the executable's
  const size_t* ranks;  // out; the executable's
};

struct ExecutableGetCompiledMemoryStatsArgs {
  Header header;
  Executable* executable;
  int64_t generated_code_bytes;  // out, as all below
  int64_t argument_bytes;
  int64_t output_bytes;
  int64_t alias_bytes;  // of outputs that take an argument's storage
  int64_t temporary_bytes;
  int64_t host_bytes[5];  // the same five, in host memory
  int64_t peak_bytes;
};

enum class HostBufferSemantics : int {
  immutable_only_during_call = 0,
  immutable_until_transfer_completes = 1,
  immutable_zero_copy = 2,
  mutable_zero_copy = 3,
};

enum class MemoryLayoutType : int { tiled = 0, strides = 1 };

struct MemoryLayoutTiled {
  Header header;
  const int64_t* minor_to_major;  // [rank]
  size_t minor_to_major_size;
  const int64_t* tile_dims;
  const size_t* tile_dim_sizes;
  size_t num_tiles;
};

struct MemoryLayout {
  Header header;
  MemoryLayoutTiled tiled;  // in the ABI a union; its other member is smaller and not used
  MemoryLayoutType type;
};

struct ClientBufferFromHostBufferArgs {
  Header header;
  Client* client;
  const void* data;
  BufferType type;
  const int64_t* dims;
  size_t num_dims;
  const int64_t* byte_strides;  // null: dense and row-major
  size_t num_byte_strides;
  HostBufferSemantics semantics;
  Device* device;
  Memory* memory;                // null: the device's own
  MemoryLayout* device_layout;   // null: row-major
  Event* done_with_host_buffer;  // out; the caller's
  Buffer* buffer;                // out; the caller's
};

struct ExecuteOptions {
  Header header;
  void* send_callbacks;
  void* receive_callbacks;
  size_t num_send_ops;
  size_t num_receive_ops;
  int launch_id;
  const int64_t* non_donatable_inputs;
  size_t num_non_donatable_inputs;
  ExecuteContext* context;
  const char* call_location;
  size_t num_tasks;
  int* task_ids;
  int64_t* incarnation_ids;
};

struct LoadedExecutableExecuteArgs {
  Header header;
  LoadedExecutable* executable;
  ExecuteOptions* options;
  Buffer* const* const* arguments;  // [num_devices][num_arguments]
  size_t num_devices;
  size_t num_arguments;
  Buffer** const* outputs;  // [num_devices][num_outputs], filled by the call; buffers the caller's
  Event** device_complete_events;  // [num_devices], filled by the call; events the caller's
  Device* execute_device;          // null: all devices of the executable
};

struct BufferDestroyArgs {
  Header header;
  Buffer* buffer;
};

struct BufferIsDeletedArgs {
  Header header;
  Buffer* buffer;
  bool is_deleted;  // out
};

struct BufferUnsafePointerArgs {
  Header header;
  Buffer* buffer;
  uintptr_t pointer;  // out
};

struct BufferToHostBufferArgs {
  Header header;
  Buffer* source;
  MemoryLayout* host_layout;  // null: the buffer's own
  void* destination;          // null: only the size is wanted
  size_t destination_size;    // in, or out
  Event* event;               // out; the caller's
};

template <typename Args>
using Function = Error* (*)(Args*);
using UnusedSlot = void (*)();

// What GetPjrtApi answers: the plugin's functions. A plugin's table may be shorter or longer:
// header.struct_size counts.
struct Api {
  Header header;
  ApiVersion version;

  void (*error_destroy)(ErrorDestroyArgs*);
  void (*error_message)(ErrorMessageArgs*);
  Function<ErrorGetCodeArgs> error_get_code;

  Function<PluginInitializeArgs> plugin_initialize;
  UnusedSlot plugin_attributes;

  Function<EventDestroyArgs> event_destroy;
  Function<EventIsReadyArgs> event_is_ready;
  UnusedSlot event_error;
  Function<EventAwaitArgs> event_await;
  Function<EventOnReadyArgs> event_on_ready;

  Function<ClientCreateArgs> client_create;
  Function<ClientDestroyArgs> client_destroy;
  Function<ClientPlatformNameArgs> client_platform_name;
  UnusedSlot client_process_index;
  Function<ClientPlatformVersionArgs> client_platform_version;
  UnusedSlot client_devices;
  Function<ClientAddressableDevicesArgs> client_addressable_devices;
  UnusedSlot after_client_addressable_devices[3];
  Function<ClientCompileArgs> client_compile;
  UnusedSlot client_default_device_assignment;
  Function<ClientBufferFromHostBufferArgs> client_buffer_from_host_buffer;

  Function<DeviceDescriptionIdArgs> device_description_id;
  UnusedSlot after_device_description_id[2];
  Function<DeviceDescriptionKindArgs> device_description_kind;
  UnusedSlot after_device_description_kind[2];
  Function<DeviceGetDescriptionArgs> device_get_description;
  UnusedSlot after_device_get_description[10];

  Function<ExecutableDestroyArgs> executable_destroy;
  UnusedSlot after_executable_destroy[3];
  Function<ExecutableNumOutputsArgs> executable_num_outputs;
  UnusedSlot after_executable_num_outputs[5];

  Function<LoadedExecutableDestroyArgs> loaded_executable_destroy;
  Function<LoadedExecutableGetExecutableArgs> loaded_executable_get_executable;
  Function<LoadedExecutableAddressableDevicesArgs> loaded_executable_addressable_devices;
  UnusedSlot after_loaded_executable_addressable_devices[2];
  Function<LoadedExecutableExecuteArgs> loaded_executable_execute;
  UnusedSlot after_loaded_executable_execute[2];

  Function<BufferDestroyArgs> buffer_destroy;
  UnusedSlot after_buffer_destroy[9];
  Function<BufferIsDeletedArgs> buffer_is_deleted;
  UnusedSlot buffer_copy_to_device;
  Function<BufferToHostBufferArgs> buffer_to_host_buffer;
  UnusedSlot after_buffer_to_host_buffer[2];
  Function<BufferUnsafePointerArgs> buffer_unsafe_pointer;
  UnusedSlot after_buffer_unsafe_pointer[16];

  Function<ExecutableOutputElementTypesArgs> executable_output_element_types;
  Function<ExecutableOutputDimensionsArgs> executable_output_dimensions;
  UnusedSlot after_executable_output_dimensions[4];
  Function<ExecutableGetCompiledMemoryStatsArgs> executable_get_compiled_memory_stats;
};

}  // namespace ix::backend::xla::pjrt::abi
