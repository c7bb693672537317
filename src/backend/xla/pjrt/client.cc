#include "backend/xla/pjrt/client.h"

#include "backend/xla/pjrt/buffer_type.h"

namespace ix::backend::xla::pjrt {
namespace {

// Plugins take an address also where there are no bytes.
alignas(64) const std::byte kNoBytes[64] = {};

// Points into `option`.
abi::NamedValue named_value(const Plugin& plugin, const ClientOption& option) {
  auto value = plugin.make<abi::NamedValue>();
  value.name = option.name.data();
  value.name_size = option.name.size();
  value.value_size = 1;
  if (const auto* boolean = std::get_if<bool>(&option.value)) {
    value.type = abi::NamedValueType::boolean;
    value.bool_value = *boolean;
  } else if (const auto* integer = std::get_if<int64_t>(&option.value)) {
    value.type = abi::NamedValueType::int64;
    value.int64_value = *integer;
  } else if (const auto* real = std::get_if<float>(&option.value)) {
    value.type = abi::NamedValueType::float32;
    value.float_value = *real;
  } else if (const auto* text = std::get_if<std::string>(&option.value)) {
    value.type = abi::NamedValueType::string;
    value.string_value = text->data();
    value.value_size = text->size();
  } else if (const auto* list = std::get_if<std::vector<int64_t>>(&option.value)) {
    value.type = abi::NamedValueType::int64_list;
    value.int64_list_value = list->data();
    value.value_size = list->size();
  }
  return value;
}

}  // namespace

Result<std::unique_ptr<Client>> Client::create(const Plugin& plugin,
                                               std::span<const ClientOption> options) {
  std::vector<abi::NamedValue> values;
  values.reserve(options.size());
  for (const ClientOption& option : options) values.push_back(named_value(plugin, option));
  auto args = plugin.make<abi::ClientCreateArgs>();
  args.options = values.data();
  args.num_options = values.size();
  IX_RETURN_IF_ERROR(plugin.call(&abi::Api::client_create, args));
  std::unique_ptr<Client> client(new Client(plugin, args.client));
  IX_RETURN_IF_ERROR(client->describe());
  return client;
}

Status Client::describe() {
  auto name = plugin_->make<abi::ClientPlatformNameArgs>();
  name.client = client_.get();
  IX_RETURN_IF_ERROR(plugin_->call(&abi::Api::client_platform_name, name));
  platform_.assign(name.name, name.name_size);

  auto devices = plugin_->make<abi::ClientAddressableDevicesArgs>();
  devices.client = client_.get();
  IX_RETURN_IF_ERROR(plugin_->call(&abi::Api::client_addressable_devices, devices));
  devices_.assign(devices.devices, devices.devices + devices.num_devices);
  return {};
}

Result<int> Client::device_id(size_t device) const {
  auto description = plugin_->make<abi::DeviceGetDescriptionArgs>();
  description.device = devices_[device];
  IX_RETURN_IF_ERROR(plugin_->call(&abi::Api::device_get_description, description));
  auto id = plugin_->make<abi::DeviceDescriptionIdArgs>();
  id.description = description.description;
  IX_RETURN_IF_ERROR(plugin_->call(&abi::Api::device_description_id, id));
  return id.id;
}

Result<Executable> Client::compile(std::string_view hlo, std::string_view options) const {
  static constexpr std::string_view kFormat = "hlo";
  auto program = plugin_->make<abi::Program>();
  program.code = const_cast<char*>(hlo.data());  // only read
  program.code_size = hlo.size();
  program.format = kFormat.data();
  program.format_size = kFormat.size();
  auto args = plugin_->make<abi::ClientCompileArgs>();
  args.client = client_.get();
  args.program = &program;
  args.options = options.data();
  args.options_size = options.size();
  IX_RETURN_IF_ERROR(plugin_->call(&abi::Api::client_compile, args));
  return Executable(*plugin_, args.executable);
}

Result<HostTransfer> Client::transfer(size_t device, const hlo::Shape& shape, const void* data,
                                      abi::HostBufferSemantics semantics) const {
  auto args = plugin_->make<abi::ClientBufferFromHostBufferArgs>();
  args.client = client_.get();
  args.data = data != nullptr ? data : kNoBytes;
  args.type = to_buffer_type(shape.type);
  args.dims = shape.dims.data();
  args.num_dims = shape.dims.size();
  args.semantics = semantics;
  args.device = devices_[device];
  IX_RETURN_IF_ERROR(plugin_->call(&abi::Api::client_buffer_from_host_buffer, args));
  return HostTransfer{Buffer(*plugin_, args.buffer), Event(*plugin_, args.done_with_host_buffer)};
}

}  // namespace ix::backend::xla::pjrt
