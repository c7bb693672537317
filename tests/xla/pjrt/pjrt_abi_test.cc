// Our declarations of the PJRT ABI against the header of version 0.81, which xla-cpu-pjrt ships.
#include "backend/xla/pjrt/pjrt_abi.h"

#include <gtest/gtest.h>
#include <pjrt_c_api.h>

#include "backend/xla/pjrt/struct_size.h"

namespace ix::backend::xla::pjrt {
namespace {

constexpr int kMinor = PJRT_API_MINOR;
static_assert(PJRT_API_MAJOR == 0 && PJRT_API_MINOR == 81);

#define EXPECT_SAME_OFFSET(Ours, ours, Theirs, theirs)                               \
  EXPECT_EQ(offsetof(abi::Ours, ours), offsetof(Theirs, theirs)) << #Ours "." #ours; \
  EXPECT_EQ(sizeof(abi::Ours::ours), sizeof(Theirs::theirs)) << #Ours "." #ours

// Whole, and up to the last member, which is what struct_size says.
#define EXPECT_SAME_SIZE(Ours, Theirs)                                                        \
  EXPECT_EQ(sizeof(abi::Ours), sizeof(Theirs)) << #Ours;                                      \
  EXPECT_EQ(struct_size<abi::Ours>(kMinor), size_t{Theirs##_STRUCT_SIZE}) << #Ours;           \
  EXPECT_EQ(offsetof(abi::Ours, header.struct_size), offsetof(Theirs, struct_size)) << #Ours; \
  EXPECT_EQ(offsetof(abi::Ours, header.extensions), offsetof(Theirs, extension_start)) << #Ours

TEST(PjrtAbi, ErrorsEventsAndValuesLieAsInTheHeader) {
  EXPECT_SAME_SIZE(ErrorDestroyArgs, PJRT_Error_Destroy_Args);
  EXPECT_SAME_OFFSET(ErrorDestroyArgs, error, PJRT_Error_Destroy_Args, error);
  EXPECT_SAME_SIZE(ErrorMessageArgs, PJRT_Error_Message_Args);
  EXPECT_SAME_OFFSET(ErrorMessageArgs, error, PJRT_Error_Message_Args, error);
  EXPECT_SAME_OFFSET(ErrorMessageArgs, message, PJRT_Error_Message_Args, message);
  EXPECT_SAME_OFFSET(ErrorMessageArgs, message_size, PJRT_Error_Message_Args, message_size);
  EXPECT_SAME_SIZE(ErrorGetCodeArgs, PJRT_Error_GetCode_Args);
  EXPECT_SAME_OFFSET(ErrorGetCodeArgs, error, PJRT_Error_GetCode_Args, error);
  EXPECT_SAME_OFFSET(ErrorGetCodeArgs, code, PJRT_Error_GetCode_Args, code);

  EXPECT_SAME_SIZE(NamedValue, PJRT_NamedValue);
  EXPECT_SAME_OFFSET(NamedValue, name, PJRT_NamedValue, name);
  EXPECT_SAME_OFFSET(NamedValue, name_size, PJRT_NamedValue, name_size);
  EXPECT_SAME_OFFSET(NamedValue, type, PJRT_NamedValue, type);
  EXPECT_SAME_OFFSET(NamedValue, string_value, PJRT_NamedValue, string_value);
  EXPECT_SAME_OFFSET(NamedValue, int64_value, PJRT_NamedValue, int64_value);
  EXPECT_SAME_OFFSET(NamedValue, int64_list_value, PJRT_NamedValue, int64_array_value);
  EXPECT_SAME_OFFSET(NamedValue, float_value, PJRT_NamedValue, float_value);
  EXPECT_SAME_OFFSET(NamedValue, bool_value, PJRT_NamedValue, bool_value);
  EXPECT_SAME_OFFSET(NamedValue, value_size, PJRT_NamedValue, value_size);

  EXPECT_SAME_SIZE(PluginInitializeArgs, PJRT_Plugin_Initialize_Args);
  EXPECT_SAME_SIZE(EventDestroyArgs, PJRT_Event_Destroy_Args);
  EXPECT_SAME_OFFSET(EventDestroyArgs, event, PJRT_Event_Destroy_Args, event);
  EXPECT_SAME_SIZE(EventIsReadyArgs, PJRT_Event_IsReady_Args);
  EXPECT_SAME_OFFSET(EventIsReadyArgs, event, PJRT_Event_IsReady_Args, event);
  EXPECT_SAME_OFFSET(EventIsReadyArgs, is_ready, PJRT_Event_IsReady_Args, is_ready);
  EXPECT_SAME_SIZE(EventAwaitArgs, PJRT_Event_Await_Args);
  EXPECT_SAME_OFFSET(EventAwaitArgs, event, PJRT_Event_Await_Args, event);
  EXPECT_SAME_SIZE(EventOnReadyArgs, PJRT_Event_OnReady_Args);
  EXPECT_SAME_OFFSET(EventOnReadyArgs, event, PJRT_Event_OnReady_Args, event);
  EXPECT_SAME_OFFSET(EventOnReadyArgs, callback, PJRT_Event_OnReady_Args, callback);
  EXPECT_SAME_OFFSET(EventOnReadyArgs, user_argument, PJRT_Event_OnReady_Args, user_arg);
}

TEST(PjrtAbi, ClientAndDevicesLieAsInTheHeader) {
  EXPECT_SAME_SIZE(ClientCreateArgs, PJRT_Client_Create_Args);
  EXPECT_SAME_OFFSET(ClientCreateArgs, options, PJRT_Client_Create_Args, create_options);
  EXPECT_SAME_OFFSET(ClientCreateArgs, num_options, PJRT_Client_Create_Args, num_options);
  EXPECT_SAME_OFFSET(ClientCreateArgs, client, PJRT_Client_Create_Args, client);
  EXPECT_EQ(offsetof(abi::ClientCreateArgs, key_value_callbacks),
            offsetof(PJRT_Client_Create_Args, kv_get_callback));
  EXPECT_EQ(offsetof(abi::ClientCreateArgs, try_get_callbacks),
            offsetof(PJRT_Client_Create_Args, kv_try_get_callback));
  EXPECT_SAME_SIZE(ClientDestroyArgs, PJRT_Client_Destroy_Args);
  EXPECT_SAME_OFFSET(ClientDestroyArgs, client, PJRT_Client_Destroy_Args, client);
  EXPECT_SAME_SIZE(ClientPlatformNameArgs, PJRT_Client_PlatformName_Args);
  EXPECT_SAME_OFFSET(ClientPlatformNameArgs, client, PJRT_Client_PlatformName_Args, client);
  EXPECT_SAME_OFFSET(ClientPlatformNameArgs, name, PJRT_Client_PlatformName_Args, platform_name);
  EXPECT_SAME_OFFSET(ClientPlatformNameArgs, name_size, PJRT_Client_PlatformName_Args,
                     platform_name_size);
  EXPECT_SAME_SIZE(ClientAddressableDevicesArgs, PJRT_Client_AddressableDevices_Args);
  EXPECT_SAME_OFFSET(ClientAddressableDevicesArgs, client, PJRT_Client_AddressableDevices_Args,
                     client);
  EXPECT_SAME_OFFSET(ClientAddressableDevicesArgs, devices, PJRT_Client_AddressableDevices_Args,
                     addressable_devices);
  EXPECT_SAME_OFFSET(ClientAddressableDevicesArgs, num_devices, PJRT_Client_AddressableDevices_Args,
                     num_addressable_devices);
  EXPECT_SAME_SIZE(DeviceGetDescriptionArgs, PJRT_Device_GetDescription_Args);
  EXPECT_SAME_OFFSET(DeviceGetDescriptionArgs, device, PJRT_Device_GetDescription_Args, device);
  EXPECT_SAME_OFFSET(DeviceGetDescriptionArgs, description, PJRT_Device_GetDescription_Args,
                     device_description);
  EXPECT_SAME_SIZE(DeviceDescriptionIdArgs, PJRT_DeviceDescription_Id_Args);
  EXPECT_SAME_OFFSET(DeviceDescriptionIdArgs, description, PJRT_DeviceDescription_Id_Args,
                     device_description);
  EXPECT_SAME_OFFSET(DeviceDescriptionIdArgs, id, PJRT_DeviceDescription_Id_Args, id);
}

TEST(PjrtAbi, ExecutablesLieAsInTheHeader) {
  EXPECT_SAME_SIZE(Program, PJRT_Program);
  EXPECT_SAME_OFFSET(Program, code, PJRT_Program, code);
  EXPECT_SAME_OFFSET(Program, code_size, PJRT_Program, code_size);
  EXPECT_SAME_OFFSET(Program, format, PJRT_Program, format);
  EXPECT_SAME_OFFSET(Program, format_size, PJRT_Program, format_size);
  EXPECT_SAME_SIZE(ClientCompileArgs, PJRT_Client_Compile_Args);
  EXPECT_SAME_OFFSET(ClientCompileArgs, client, PJRT_Client_Compile_Args, client);
  EXPECT_SAME_OFFSET(ClientCompileArgs, program, PJRT_Client_Compile_Args, program);
  EXPECT_SAME_OFFSET(ClientCompileArgs, options, PJRT_Client_Compile_Args, compile_options);
  EXPECT_SAME_OFFSET(ClientCompileArgs, options_size, PJRT_Client_Compile_Args,
                     compile_options_size);
  EXPECT_SAME_OFFSET(ClientCompileArgs, executable, PJRT_Client_Compile_Args, executable);
  EXPECT_SAME_SIZE(LoadedExecutableDestroyArgs, PJRT_LoadedExecutable_Destroy_Args);
  EXPECT_SAME_OFFSET(LoadedExecutableDestroyArgs, executable, PJRT_LoadedExecutable_Destroy_Args,
                     executable);
  EXPECT_SAME_SIZE(LoadedExecutableGetExecutableArgs, PJRT_LoadedExecutable_GetExecutable_Args);
  EXPECT_SAME_OFFSET(LoadedExecutableGetExecutableArgs, loaded_executable,
                     PJRT_LoadedExecutable_GetExecutable_Args, loaded_executable);
  EXPECT_SAME_OFFSET(LoadedExecutableGetExecutableArgs, executable,
                     PJRT_LoadedExecutable_GetExecutable_Args, executable);
  EXPECT_SAME_SIZE(LoadedExecutableAddressableDevicesArgs,
                   PJRT_LoadedExecutable_AddressableDevices_Args);
  EXPECT_SAME_OFFSET(LoadedExecutableAddressableDevicesArgs, executable,
                     PJRT_LoadedExecutable_AddressableDevices_Args, executable);
  EXPECT_SAME_OFFSET(LoadedExecutableAddressableDevicesArgs, devices,
                     PJRT_LoadedExecutable_AddressableDevices_Args, addressable_devices);
  EXPECT_SAME_OFFSET(LoadedExecutableAddressableDevicesArgs, num_devices,
                     PJRT_LoadedExecutable_AddressableDevices_Args, num_addressable_devices);
  EXPECT_SAME_SIZE(ExecutableDestroyArgs, PJRT_Executable_Destroy_Args);
  EXPECT_SAME_OFFSET(ExecutableDestroyArgs, executable, PJRT_Executable_Destroy_Args, executable);
  EXPECT_SAME_SIZE(ExecutableOutputElementTypesArgs, PJRT_Executable_OutputElementTypes_Args);
  EXPECT_SAME_OFFSET(ExecutableOutputElementTypesArgs, executable,
                     PJRT_Executable_OutputElementTypes_Args, executable);
  EXPECT_SAME_OFFSET(ExecutableOutputElementTypesArgs, types,
                     PJRT_Executable_OutputElementTypes_Args, output_types);
  EXPECT_SAME_OFFSET(ExecutableOutputElementTypesArgs, num_types,
                     PJRT_Executable_OutputElementTypes_Args, num_output_types);
  EXPECT_SAME_SIZE(ExecutableOutputDimensionsArgs, PJRT_Executable_OutputDimensions_Args);
  EXPECT_SAME_OFFSET(ExecutableOutputDimensionsArgs, executable,
                     PJRT_Executable_OutputDimensions_Args, executable);
  EXPECT_SAME_OFFSET(ExecutableOutputDimensionsArgs, num_outputs,
                     PJRT_Executable_OutputDimensions_Args, num_outputs);
  EXPECT_SAME_OFFSET(ExecutableOutputDimensionsArgs, dims, PJRT_Executable_OutputDimensions_Args,
                     dims);
  EXPECT_SAME_OFFSET(ExecutableOutputDimensionsArgs, ranks, PJRT_Executable_OutputDimensions_Args,
                     dim_sizes);
  using Stats = PJRT_Executable_GetCompiledMemoryStats_Args;
  EXPECT_SAME_SIZE(ExecutableGetCompiledMemoryStatsArgs,
                   PJRT_Executable_GetCompiledMemoryStats_Args);
  EXPECT_SAME_OFFSET(ExecutableGetCompiledMemoryStatsArgs, executable, Stats, executable);
  EXPECT_SAME_OFFSET(ExecutableGetCompiledMemoryStatsArgs, generated_code_bytes, Stats,
                     generated_code_size_in_bytes);
  EXPECT_SAME_OFFSET(ExecutableGetCompiledMemoryStatsArgs, argument_bytes, Stats,
                     argument_size_in_bytes);
  EXPECT_SAME_OFFSET(ExecutableGetCompiledMemoryStatsArgs, output_bytes, Stats,
                     output_size_in_bytes);
  EXPECT_SAME_OFFSET(ExecutableGetCompiledMemoryStatsArgs, alias_bytes, Stats, alias_size_in_bytes);
  EXPECT_SAME_OFFSET(ExecutableGetCompiledMemoryStatsArgs, temporary_bytes, Stats,
                     temp_size_in_bytes);
  EXPECT_EQ(offsetof(abi::ExecutableGetCompiledMemoryStatsArgs, host_bytes),
            offsetof(Stats, host_generated_code_size_in_bytes));
  EXPECT_SAME_OFFSET(ExecutableGetCompiledMemoryStatsArgs, peak_bytes, Stats, peak_memory_in_bytes);
}

TEST(PjrtAbi, ExecutionLiesAsInTheHeader) {
  EXPECT_SAME_SIZE(ExecuteOptions, PJRT_ExecuteOptions);
  EXPECT_SAME_OFFSET(ExecuteOptions, send_callbacks, PJRT_ExecuteOptions, send_callbacks);
  EXPECT_SAME_OFFSET(ExecuteOptions, receive_callbacks, PJRT_ExecuteOptions, recv_callbacks);
  EXPECT_SAME_OFFSET(ExecuteOptions, num_send_ops, PJRT_ExecuteOptions, num_send_ops);
  EXPECT_SAME_OFFSET(ExecuteOptions, num_receive_ops, PJRT_ExecuteOptions, num_recv_ops);
  EXPECT_SAME_OFFSET(ExecuteOptions, launch_id, PJRT_ExecuteOptions, launch_id);
  EXPECT_SAME_OFFSET(ExecuteOptions, non_donatable_inputs, PJRT_ExecuteOptions,
                     non_donatable_input_indices);
  EXPECT_SAME_OFFSET(ExecuteOptions, num_non_donatable_inputs, PJRT_ExecuteOptions,
                     num_non_donatable_input_indices);
  EXPECT_SAME_OFFSET(ExecuteOptions, context, PJRT_ExecuteOptions, context);
  EXPECT_SAME_OFFSET(ExecuteOptions, call_location, PJRT_ExecuteOptions, call_location);
  EXPECT_SAME_OFFSET(ExecuteOptions, num_tasks, PJRT_ExecuteOptions, num_tasks);
  EXPECT_SAME_OFFSET(ExecuteOptions, task_ids, PJRT_ExecuteOptions, task_ids);
  EXPECT_SAME_OFFSET(ExecuteOptions, incarnation_ids, PJRT_ExecuteOptions, incarnation_ids);
  using Execute = PJRT_LoadedExecutable_Execute_Args;
  EXPECT_SAME_SIZE(LoadedExecutableExecuteArgs, PJRT_LoadedExecutable_Execute_Args);
  EXPECT_SAME_OFFSET(LoadedExecutableExecuteArgs, executable, Execute, executable);
  EXPECT_SAME_OFFSET(LoadedExecutableExecuteArgs, options, Execute, options);
  EXPECT_SAME_OFFSET(LoadedExecutableExecuteArgs, arguments, Execute, argument_lists);
  EXPECT_SAME_OFFSET(LoadedExecutableExecuteArgs, num_devices, Execute, num_devices);
  EXPECT_SAME_OFFSET(LoadedExecutableExecuteArgs, num_arguments, Execute, num_args);
  EXPECT_SAME_OFFSET(LoadedExecutableExecuteArgs, outputs, Execute, output_lists);
  EXPECT_SAME_OFFSET(LoadedExecutableExecuteArgs, device_complete_events, Execute,
                     device_complete_events);
  EXPECT_SAME_OFFSET(LoadedExecutableExecuteArgs, execute_device, Execute, execute_device);
}

TEST(PjrtAbi, BuffersLieAsInTheHeader) {
  using FromHost = PJRT_Client_BufferFromHostBuffer_Args;
  EXPECT_SAME_SIZE(ClientBufferFromHostBufferArgs, PJRT_Client_BufferFromHostBuffer_Args);
  EXPECT_SAME_OFFSET(ClientBufferFromHostBufferArgs, client, FromHost, client);
  EXPECT_SAME_OFFSET(ClientBufferFromHostBufferArgs, data, FromHost, data);
  EXPECT_SAME_OFFSET(ClientBufferFromHostBufferArgs, type, FromHost, type);
  EXPECT_SAME_OFFSET(ClientBufferFromHostBufferArgs, dims, FromHost, dims);
  EXPECT_SAME_OFFSET(ClientBufferFromHostBufferArgs, num_dims, FromHost, num_dims);
  EXPECT_SAME_OFFSET(ClientBufferFromHostBufferArgs, byte_strides, FromHost, byte_strides);
  EXPECT_SAME_OFFSET(ClientBufferFromHostBufferArgs, num_byte_strides, FromHost, num_byte_strides);
  EXPECT_SAME_OFFSET(ClientBufferFromHostBufferArgs, semantics, FromHost, host_buffer_semantics);
  EXPECT_SAME_OFFSET(ClientBufferFromHostBufferArgs, device, FromHost, device);
  EXPECT_SAME_OFFSET(ClientBufferFromHostBufferArgs, memory, FromHost, memory);
  EXPECT_SAME_OFFSET(ClientBufferFromHostBufferArgs, device_layout, FromHost, device_layout);
  EXPECT_SAME_OFFSET(ClientBufferFromHostBufferArgs, done_with_host_buffer, FromHost,
                     done_with_host_buffer);
  EXPECT_SAME_OFFSET(ClientBufferFromHostBufferArgs, buffer, FromHost, buffer);

  using Tiled = PJRT_Buffer_MemoryLayout_Tiled;
  EXPECT_SAME_SIZE(MemoryLayoutTiled, PJRT_Buffer_MemoryLayout_Tiled);
  EXPECT_SAME_OFFSET(MemoryLayoutTiled, minor_to_major, Tiled, minor_to_major);
  EXPECT_SAME_OFFSET(MemoryLayoutTiled, minor_to_major_size, Tiled, minor_to_major_size);
  EXPECT_SAME_OFFSET(MemoryLayoutTiled, tile_dims, Tiled, tile_dims);
  EXPECT_SAME_OFFSET(MemoryLayoutTiled, tile_dim_sizes, Tiled, tile_dim_sizes);
  EXPECT_SAME_OFFSET(MemoryLayoutTiled, num_tiles, Tiled, num_tiles);
  EXPECT_SAME_SIZE(MemoryLayout, PJRT_Buffer_MemoryLayout);
  EXPECT_SAME_OFFSET(MemoryLayout, tiled, PJRT_Buffer_MemoryLayout, tiled);
  EXPECT_SAME_OFFSET(MemoryLayout, type, PJRT_Buffer_MemoryLayout, type);

  EXPECT_SAME_SIZE(BufferDestroyArgs, PJRT_Buffer_Destroy_Args);
  EXPECT_SAME_OFFSET(BufferDestroyArgs, buffer, PJRT_Buffer_Destroy_Args, buffer);
  EXPECT_SAME_SIZE(BufferIsDeletedArgs, PJRT_Buffer_IsDeleted_Args);
  EXPECT_SAME_OFFSET(BufferIsDeletedArgs, buffer, PJRT_Buffer_IsDeleted_Args, buffer);
  EXPECT_SAME_OFFSET(BufferIsDeletedArgs, is_deleted, PJRT_Buffer_IsDeleted_Args, is_deleted);
  EXPECT_SAME_SIZE(BufferUnsafePointerArgs, PJRT_Buffer_UnsafePointer_Args);
  EXPECT_SAME_OFFSET(BufferUnsafePointerArgs, buffer, PJRT_Buffer_UnsafePointer_Args, buffer);
  EXPECT_SAME_OFFSET(BufferUnsafePointerArgs, pointer, PJRT_Buffer_UnsafePointer_Args,
                     buffer_pointer);
  using ToHost = PJRT_Buffer_ToHostBuffer_Args;
  EXPECT_SAME_SIZE(BufferToHostBufferArgs, PJRT_Buffer_ToHostBuffer_Args);
  EXPECT_SAME_OFFSET(BufferToHostBufferArgs, source, ToHost, src);
  EXPECT_SAME_OFFSET(BufferToHostBufferArgs, host_layout, ToHost, host_layout);
  EXPECT_SAME_OFFSET(BufferToHostBufferArgs, destination, ToHost, dst);
  EXPECT_SAME_OFFSET(BufferToHostBufferArgs, destination_size, ToHost, dst_size);
  EXPECT_SAME_OFFSET(BufferToHostBufferArgs, event, ToHost, event);
}

#define EXPECT_SAME_SLOT(ours, Theirs) EXPECT_SAME_OFFSET(Api, ours, PJRT_Api, Theirs)

TEST(PjrtAbi, FunctionsStandInTheTableWhereTheHeaderHasThem) {
  EXPECT_EQ(offsetof(abi::Api, header.struct_size), offsetof(PJRT_Api, struct_size));
  EXPECT_EQ(offsetof(abi::Api, version), offsetof(PJRT_Api, pjrt_api_version));
  EXPECT_EQ(sizeof(abi::ApiVersion), sizeof(PJRT_Api_Version));
  EXPECT_SAME_OFFSET(ApiVersion, major, PJRT_Api_Version, major_version);
  EXPECT_SAME_OFFSET(ApiVersion, minor, PJRT_Api_Version, minor_version);
  EXPECT_SAME_SLOT(error_destroy, PJRT_Error_Destroy);
  EXPECT_SAME_SLOT(error_message, PJRT_Error_Message);
  EXPECT_SAME_SLOT(error_get_code, PJRT_Error_GetCode);
  EXPECT_SAME_SLOT(plugin_initialize, PJRT_Plugin_Initialize);
  EXPECT_SAME_SLOT(event_destroy, PJRT_Event_Destroy);
  EXPECT_SAME_SLOT(event_is_ready, PJRT_Event_IsReady);
  EXPECT_SAME_SLOT(event_await, PJRT_Event_Await);
  EXPECT_SAME_SLOT(event_on_ready, PJRT_Event_OnReady);
  EXPECT_SAME_SLOT(client_create, PJRT_Client_Create);
  EXPECT_SAME_SLOT(client_destroy, PJRT_Client_Destroy);
  EXPECT_SAME_SLOT(client_platform_name, PJRT_Client_PlatformName);
  EXPECT_SAME_SLOT(client_addressable_devices, PJRT_Client_AddressableDevices);
  EXPECT_SAME_SLOT(client_compile, PJRT_Client_Compile);
  EXPECT_SAME_SLOT(client_buffer_from_host_buffer, PJRT_Client_BufferFromHostBuffer);
  EXPECT_SAME_SLOT(device_description_id, PJRT_DeviceDescription_Id);
  EXPECT_SAME_SLOT(device_get_description, PJRT_Device_GetDescription);
  EXPECT_SAME_SLOT(executable_destroy, PJRT_Executable_Destroy);
  EXPECT_SAME_SLOT(loaded_executable_destroy, PJRT_LoadedExecutable_Destroy);
  EXPECT_SAME_SLOT(loaded_executable_get_executable, PJRT_LoadedExecutable_GetExecutable);
  EXPECT_SAME_SLOT(loaded_executable_addressable_devices, PJRT_LoadedExecutable_AddressableDevices);
  EXPECT_SAME_SLOT(loaded_executable_execute, PJRT_LoadedExecutable_Execute);
  EXPECT_SAME_SLOT(buffer_destroy, PJRT_Buffer_Destroy);
  EXPECT_SAME_SLOT(buffer_is_deleted, PJRT_Buffer_IsDeleted);
  EXPECT_SAME_SLOT(buffer_to_host_buffer, PJRT_Buffer_ToHostBuffer);
  EXPECT_SAME_SLOT(buffer_unsafe_pointer, PJRT_Buffer_UnsafePointer);
  EXPECT_SAME_SLOT(executable_output_element_types, PJRT_Executable_OutputElementTypes);
  EXPECT_SAME_SLOT(executable_output_dimensions, PJRT_Executable_OutputDimensions);
  EXPECT_SAME_SLOT(executable_get_compiled_memory_stats, PJRT_Executable_GetCompiledMemoryStats);
}

#define EXPECT_SAME_VALUE(Ours, ours, Theirs) \
  EXPECT_EQ(static_cast<int>(abi::Ours::ours), static_cast<int>(Theirs)) << #Ours "::" #ours

TEST(PjrtAbi, EnumsHaveTheHeadersValues) {
  EXPECT_SAME_VALUE(ErrorCode, ok, PJRT_Error_Code_OK);
  EXPECT_SAME_VALUE(ErrorCode, cancelled, PJRT_Error_Code_CANCELLED);
  EXPECT_SAME_VALUE(ErrorCode, unknown, PJRT_Error_Code_UNKNOWN);
  EXPECT_SAME_VALUE(ErrorCode, invalid_argument, PJRT_Error_Code_INVALID_ARGUMENT);
  EXPECT_SAME_VALUE(ErrorCode, deadline_exceeded, PJRT_Error_Code_DEADLINE_EXCEEDED);
  EXPECT_SAME_VALUE(ErrorCode, not_found, PJRT_Error_Code_NOT_FOUND);
  EXPECT_SAME_VALUE(ErrorCode, already_exists, PJRT_Error_Code_ALREADY_EXISTS);
  EXPECT_SAME_VALUE(ErrorCode, permission_denied, PJRT_Error_Code_PERMISSION_DENIED);
  EXPECT_SAME_VALUE(ErrorCode, resource_exhausted, PJRT_Error_Code_RESOURCE_EXHAUSTED);
  EXPECT_SAME_VALUE(ErrorCode, failed_precondition, PJRT_Error_Code_FAILED_PRECONDITION);
  EXPECT_SAME_VALUE(ErrorCode, aborted, PJRT_Error_Code_ABORTED);
  EXPECT_SAME_VALUE(ErrorCode, out_of_range, PJRT_Error_Code_OUT_OF_RANGE);
  EXPECT_SAME_VALUE(ErrorCode, unimplemented, PJRT_Error_Code_UNIMPLEMENTED);
  EXPECT_SAME_VALUE(ErrorCode, internal, PJRT_Error_Code_INTERNAL);
  EXPECT_SAME_VALUE(ErrorCode, unavailable, PJRT_Error_Code_UNAVAILABLE);
  EXPECT_SAME_VALUE(ErrorCode, data_loss, PJRT_Error_Code_DATA_LOSS);
  EXPECT_SAME_VALUE(ErrorCode, unauthenticated, PJRT_Error_Code_UNAUTHENTICATED);

  EXPECT_SAME_VALUE(NamedValueType, string, PJRT_NamedValue_kString);
  EXPECT_SAME_VALUE(NamedValueType, int64, PJRT_NamedValue_kInt64);
  EXPECT_SAME_VALUE(NamedValueType, int64_list, PJRT_NamedValue_kInt64List);
  EXPECT_SAME_VALUE(NamedValueType, float32, PJRT_NamedValue_kFloat);
  EXPECT_SAME_VALUE(NamedValueType, boolean, PJRT_NamedValue_kBool);

  EXPECT_SAME_VALUE(BufferType, invalid, PJRT_Buffer_Type_INVALID);
  EXPECT_SAME_VALUE(BufferType, pred, PJRT_Buffer_Type_PRED);
  EXPECT_SAME_VALUE(BufferType, s8, PJRT_Buffer_Type_S8);
  EXPECT_SAME_VALUE(BufferType, s16, PJRT_Buffer_Type_S16);
  EXPECT_SAME_VALUE(BufferType, s32, PJRT_Buffer_Type_S32);
  EXPECT_SAME_VALUE(BufferType, s64, PJRT_Buffer_Type_S64);
  EXPECT_SAME_VALUE(BufferType, u8, PJRT_Buffer_Type_U8);
  EXPECT_SAME_VALUE(BufferType, u16, PJRT_Buffer_Type_U16);
  EXPECT_SAME_VALUE(BufferType, u32, PJRT_Buffer_Type_U32);
  EXPECT_SAME_VALUE(BufferType, u64, PJRT_Buffer_Type_U64);
  EXPECT_SAME_VALUE(BufferType, f16, PJRT_Buffer_Type_F16);
  EXPECT_SAME_VALUE(BufferType, f32, PJRT_Buffer_Type_F32);
  EXPECT_SAME_VALUE(BufferType, f64, PJRT_Buffer_Type_F64);
  EXPECT_SAME_VALUE(BufferType, bf16, PJRT_Buffer_Type_BF16);

  EXPECT_SAME_VALUE(HostBufferSemantics, immutable_only_during_call,
                    PJRT_HostBufferSemantics_kImmutableOnlyDuringCall);
  EXPECT_SAME_VALUE(HostBufferSemantics, immutable_until_transfer_completes,
                    PJRT_HostBufferSemantics_kImmutableUntilTransferCompletes);
  EXPECT_SAME_VALUE(HostBufferSemantics, mutable_zero_copy,
                    PJRT_HostBufferSemantics_kMutableZeroCopy);
  EXPECT_SAME_VALUE(MemoryLayoutType, tiled, PJRT_Buffer_MemoryLayout_Type_Tiled);
}

// Sizes that libneuronpjrt 2.x, which takes no other, expects: docs of PJRT 0.57 to 0.81.
TEST(PjrtAbi, StructsThatGrewSayTheSizeOfThePluginsVersion) {
  EXPECT_EQ(struct_size<abi::ClientCreateArgs>(60), 72U);
  EXPECT_EQ(struct_size<abi::ClientCreateArgs>(61), 88U);
  EXPECT_EQ(struct_size<abi::ExecuteOptions>(63), 72U);
  EXPECT_EQ(struct_size<abi::ExecuteOptions>(64), 80U);
  EXPECT_EQ(struct_size<abi::ExecuteOptions>(75), 80U);
  EXPECT_EQ(struct_size<abi::ExecuteOptions>(76), 88U);
  EXPECT_EQ(struct_size<abi::ExecuteOptions>(77), 88U);
  EXPECT_EQ(struct_size<abi::ExecuteOptions>(78), 112U);
  EXPECT_EQ(struct_size<abi::ExecuteOptions>(115), 112U);
  EXPECT_EQ(struct_size<abi::ExecutableGetCompiledMemoryStatsArgs>(71), 104U);
  EXPECT_EQ(struct_size<abi::ExecutableGetCompiledMemoryStatsArgs>(72), 112U);
}

}  // namespace
}  // namespace ix::backend::xla::pjrt
