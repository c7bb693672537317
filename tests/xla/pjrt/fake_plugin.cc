// A fake PJRT plugin: two devices, one kind of program, failures on demand. Written against the
// reference header, not against our declarations.
//
// A program's text is "NAME CODE": it has one parameter and one output, f32[2], and the output is a
// copy of the parameter.
//   run                  works
//   refuse CODE          is not compiled
//   fail_at_once CODE    Execute answers an error
//   fail_later CODE      the execution's events bring an error
//   hang                 the execution's events happen when fake_pjrt_end_hanging() is called
//
// FAKE_PJRT_MINOR   version, 0.FAKE_PJRT_MINOR
// FAKE_PJRT_STRICT  struct_size must be this version's, as in libneuronpjrt 2.x, and the table ends
//                   before PJRT_Executable_GetCompiledMemoryStats
// FAKE_PJRT_GPU     options are checked by name as XLA's CUDA plugin does; host memory is read late
#include <cstdlib>
#include <cstring>
#include <memory>
#include <sstream>
#include <string>
#include <utility>
#include <vector>

#include "xla/pjrt/fake_objects.h"
#include "xla/pjrt/fake_struct_sizes.h"

namespace {

using fake_pjrt::error;
using fake_pjrt::Happening;

// Executions that have not ended; a device would know them too.
std::vector<std::shared_ptr<Happening>> hanging;

// All that were made, to the end of the process: the threads of a real one know it as long.
auto& clients = *new std::vector<const PJRT_Client*>;

void destroy_error(PJRT_Error_Destroy_Args* args) { delete args->error; }

void message_of_error(PJRT_Error_Message_Args* args) {
  args->message = args->error->message.data();
  args->message_size = args->error->message.size();
}

PJRT_Error* code_of_error(PJRT_Error_GetCode_Args* args) {
  args->code = args->error->code;
  return nullptr;
}

PJRT_Error* initialize(PJRT_Plugin_Initialize_Args* args) {
  CHECK_SIZE(args, PJRT_Plugin_Initialize_Args);
  return nullptr;
}

PJRT_Error* destroy_event(PJRT_Event_Destroy_Args* args) {
  CHECK_SIZE(args, PJRT_Event_Destroy_Args);
  delete args->event;
  return nullptr;
}

PJRT_Error* event_is_ready(PJRT_Event_IsReady_Args* args) {
  CHECK_SIZE(args, PJRT_Event_IsReady_Args);
  args->is_ready = args->event->happening->ready;
  return nullptr;
}

PJRT_Error* error_of(int code) { return code == 0 ? nullptr : error(code, "failed while running"); }

PJRT_Error* await(PJRT_Event_Await_Args* args) {
  CHECK_SIZE(args, PJRT_Event_Await_Args);
  if (!args->event->happening->ready) std::abort();  // would wait for ever
  return error_of(args->event->happening->code);
}

PJRT_Error* on_ready(PJRT_Event_OnReady_Args* args) {
  CHECK_SIZE(args, PJRT_Event_OnReady_Args);
  Happening& happening = *args->event->happening;
  happening.callbacks.push_back([callback = args->callback, user = args->user_arg,
                                 code = happening.code] { callback(error_of(code), user); });
  if (happening.ready) happening.happen();
  return nullptr;
}

PJRT_Error* check_option(const PJRT_NamedValue& option) {
  const std::string name(option.name, option.name_size);
  if (!FAKE_PJRT_GPU) {
    return name == "cpu_device_count" && option.type != PJRT_NamedValue_kInt64
               ? error(PJRT_Error_Code_INTERNAL, "cpu_device_count is no integer")
               : nullptr;
  }
  if (name == "preallocate" && option.type == PJRT_NamedValue_kBool && !option.bool_value) {
    return nullptr;
  }
  if (name == "visible_devices" && option.type == PJRT_NamedValue_kInt64List) {
    for (size_t i = 0; i < option.value_size; ++i) {
      if (option.int64_array_value[i] != static_cast<int64_t>(i)) {
        return error(PJRT_Error_Code_NOT_FOUND, "no such device");
      }
    }
    return nullptr;
  }
  return error(PJRT_Error_Code_INVALID_ARGUMENT,
               "Unexpected option name passed to PJRT_Client_Create: " + name);
}

PJRT_Error* create_client(PJRT_Client_Create_Args* args) {
  CHECK_SIZE(args, PJRT_Client_Create_Args);
  for (size_t i = 0; i < args->num_options; ++i) {
    CHECK_SIZE(&args->create_options[i], PJRT_NamedValue);
    if (PJRT_Error* refused = check_option(args->create_options[i])) return refused;
  }
  args->client = new PJRT_Client;
  clients.push_back(args->client);
  return nullptr;
}

PJRT_Error* destroy_client(PJRT_Client_Destroy_Args* args) {
  CHECK_SIZE(args, PJRT_Client_Destroy_Args);
  delete args->client;
  return nullptr;
}

PJRT_Error* platform_name(PJRT_Client_PlatformName_Args* args) {
  CHECK_SIZE(args, PJRT_Client_PlatformName_Args);
  args->platform_name = FAKE_PJRT_GPU ? "fake gpu" : "fake";
  args->platform_name_size = std::strlen(args->platform_name);
  return nullptr;
}

PJRT_Error* addressable_devices(PJRT_Client_AddressableDevices_Args* args) {
  CHECK_SIZE(args, PJRT_Client_AddressableDevices_Args);
  args->addressable_devices = args->client->addressable;
  args->num_addressable_devices = 2;
  return nullptr;
}

PJRT_Error* description(PJRT_Device_GetDescription_Args* args) {
  CHECK_SIZE(args, PJRT_Device_GetDescription_Args);
  args->device_description = &args->device->description;
  return nullptr;
}

PJRT_Error* device_id(PJRT_DeviceDescription_Id_Args* args) {
  CHECK_SIZE(args, PJRT_DeviceDescription_Id_Args);
  args->id = args->device_description->id;
  return nullptr;
}

PJRT_Error* compile(PJRT_Client_Compile_Args* args) {
  CHECK_SIZE(args, PJRT_Client_Compile_Args);
  CHECK_SIZE(args->program, PJRT_Program);
  auto executable = std::make_unique<PJRT_LoadedExecutable>();
  std::istringstream text(std::string(args->program->code, args->program->code_size));
  text >> executable->behaviour >> executable->code;
  if (executable->behaviour == "refuse") return error(executable->code, "refused");
  args->executable = executable.release();
  return nullptr;
}

PJRT_Error* destroy_loaded_executable(PJRT_LoadedExecutable_Destroy_Args* args) {
  CHECK_SIZE(args, PJRT_LoadedExecutable_Destroy_Args);
  delete args->executable;
  return nullptr;
}

PJRT_Error* get_executable(PJRT_LoadedExecutable_GetExecutable_Args* args) {
  CHECK_SIZE(args, PJRT_LoadedExecutable_GetExecutable_Args);
  args->executable = new PJRT_Executable;
  return nullptr;
}

PJRT_Error* destroy_executable(PJRT_Executable_Destroy_Args* args) {
  CHECK_SIZE(args, PJRT_Executable_Destroy_Args);
  delete args->executable;
  return nullptr;
}

PJRT_Error* output_types(PJRT_Executable_OutputElementTypes_Args* args) {
  CHECK_SIZE(args, PJRT_Executable_OutputElementTypes_Args);
  static PJRT_Buffer_Type types[] = {PJRT_Buffer_Type_F32};
  args->output_types = types;
  args->num_output_types = 1;
  return nullptr;
}

PJRT_Error* output_dimensions(PJRT_Executable_OutputDimensions_Args* args) {
  CHECK_SIZE(args, PJRT_Executable_OutputDimensions_Args);
  static const int64_t dims[] = {2};
  static const size_t ranks[] = {1};
  args->num_outputs = 1;
  args->dims = dims;
  args->dim_sizes = ranks;
  return nullptr;
}

PJRT_Error* from_host(PJRT_Client_BufferFromHostBuffer_Args* args) {
  CHECK_SIZE(args, PJRT_Client_BufferFromHostBuffer_Args);
  auto buffer = std::make_unique<PJRT_Buffer>();
  const bool late =
      args->host_buffer_semantics == PJRT_HostBufferSemantics_kImmutableUntilTransferCompletes;
  if (args->host_buffer_semantics != PJRT_HostBufferSemantics_kImmutableOnlyDuringCall && !late) {
    return error(PJRT_Error_Code_UNIMPLEMENTED, "no zero copy here");
  }
  auto done = std::make_shared<Happening>();
  if (late) {
    buffer->host = args->data;
    buffer->host_done = done;
  } else {
    std::memcpy(buffer->values, args->data, sizeof buffer->values);
    done->ready = true;
  }
  args->done_with_host_buffer = new PJRT_Event(done);
  args->buffer = buffer.release();
  return nullptr;
}

PJRT_Error* execute(PJRT_LoadedExecutable_Execute_Args* args) {
  CHECK_SIZE(args, PJRT_LoadedExecutable_Execute_Args);
  CHECK_SIZE(args->options, PJRT_ExecuteOptions);
  const PJRT_LoadedExecutable& executable = *args->executable;
  if (executable.behaviour == "fail_at_once") return error(executable.code, "failed at once");
  for (size_t device = 0; device < args->num_devices; ++device) {
    auto output = std::make_unique<PJRT_Buffer>();
    PJRT_Buffer& input = *args->argument_lists[device][0];
    input.arrive();
    std::memcpy(output->values, input.values, sizeof output->values);
    auto happening = std::make_shared<Happening>();
    happening->ready = executable.behaviour != "hang";
    if (executable.behaviour == "fail_later") happening->code = output->code = executable.code;
    if (!happening->ready) hanging.push_back(happening);
    args->output_lists[device][0] = output.release();
    args->device_complete_events[device] = new PJRT_Event(happening);
  }
  return nullptr;
}

PJRT_Error* destroy_buffer(PJRT_Buffer_Destroy_Args* args) {
  CHECK_SIZE(args, PJRT_Buffer_Destroy_Args);
  delete args->buffer;
  return nullptr;
}

PJRT_Error* to_host(PJRT_Buffer_ToHostBuffer_Args* args) {
  CHECK_SIZE(args, PJRT_Buffer_ToHostBuffer_Args);
  CHECK_SIZE(args->host_layout, PJRT_Buffer_MemoryLayout);
  CHECK_SIZE(&args->host_layout->tiled, PJRT_Buffer_MemoryLayout_Tiled);
  args->src->arrive();
  std::memcpy(args->dst, args->src->values, sizeof args->src->values);
  auto happening = std::make_shared<Happening>();
  happening->ready = true;
  happening->code = args->src->code;
  args->event = new PJRT_Event(happening);
  return nullptr;
}

PJRT_Api make_api() {
  PJRT_Api api{};
  api.struct_size = fake_pjrt::api_size();
  api.pjrt_api_version.struct_size = PJRT_Api_Version_STRUCT_SIZE;
  api.pjrt_api_version.minor_version = FAKE_PJRT_MINOR;
  api.PJRT_Error_Destroy = destroy_error;
  api.PJRT_Error_Message = message_of_error;
  api.PJRT_Error_GetCode = code_of_error;
  api.PJRT_Plugin_Initialize = initialize;
  api.PJRT_Event_Destroy = destroy_event;
  api.PJRT_Event_IsReady = event_is_ready;
  api.PJRT_Event_Await = await;
  api.PJRT_Event_OnReady = on_ready;
  api.PJRT_Client_Create = create_client;
  api.PJRT_Client_Destroy = destroy_client;
  api.PJRT_Client_PlatformName = platform_name;
  api.PJRT_Client_AddressableDevices = addressable_devices;
  api.PJRT_Client_Compile = compile;
  api.PJRT_Client_BufferFromHostBuffer = from_host;
  api.PJRT_DeviceDescription_Id = device_id;
  api.PJRT_Device_GetDescription = description;
  api.PJRT_LoadedExecutable_Destroy = destroy_loaded_executable;
  api.PJRT_LoadedExecutable_GetExecutable = get_executable;
  api.PJRT_LoadedExecutable_Execute = execute;
  api.PJRT_Executable_Destroy = destroy_executable;
  api.PJRT_Executable_OutputElementTypes = output_types;
  api.PJRT_Executable_OutputDimensions = output_dimensions;
  api.PJRT_Buffer_Destroy = destroy_buffer;
  api.PJRT_Buffer_ToHostBuffer = to_host;
  return api;
}

}  // namespace

extern "C" {

const PJRT_Api* GetPjrtApi() {
  static const PJRT_Api api = make_api();
  return &api;
}

int fake_pjrt_live_objects() { return fake_pjrt::live_objects(); }

void fake_pjrt_end_hanging() {
  for (const auto& happening : std::exchange(hanging, {})) happening->happen();
}

}  // extern "C"
