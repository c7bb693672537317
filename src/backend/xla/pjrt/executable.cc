#include "backend/xla/pjrt/executable.h"

#include <fmt/format.h>

#include "backend/xla/pjrt/buffer_type.h"
#include "base/check.h"

namespace ix::backend::xla::pjrt {

Result<std::vector<abi::Device*>> Executable::devices() const {
  auto args = plugin_->make<abi::LoadedExecutableAddressableDevicesArgs>();
  args.executable = executable_.get();
  IX_RETURN_IF_ERROR(plugin_->call(&abi::Api::loaded_executable_addressable_devices, args));
  return std::vector<abi::Device*>(args.devices, args.devices + args.num_devices);
}

Result<Handle<abi::Executable>> Executable::executable() const {
  auto args = plugin_->make<abi::LoadedExecutableGetExecutableArgs>();
  args.loaded_executable = executable_.get();
  IX_RETURN_IF_ERROR(plugin_->call(&abi::Api::loaded_executable_get_executable, args));
  return own(*plugin_, args.executable);
}

Result<std::vector<hlo::Shape>> Executable::output_shapes() const {
  IX_ASSIGN_OR_RETURN(const Handle<abi::Executable> executable, this->executable());
  auto types = plugin_->make<abi::ExecutableOutputElementTypesArgs>();
  types.executable = executable.get();
  IX_RETURN_IF_ERROR(plugin_->call(&abi::Api::executable_output_element_types, types));
  auto dimensions = plugin_->make<abi::ExecutableOutputDimensionsArgs>();
  dimensions.executable = executable.get();
  IX_RETURN_IF_ERROR(plugin_->call(&abi::Api::executable_output_dimensions, dimensions));
  if (types.num_types != dimensions.num_outputs) {
    return internal_error(fmt::format("the PJRT plugin names {} types and {} shapes of outputs",
                                      types.num_types, dimensions.num_outputs));
  }
  std::vector<hlo::Shape> shapes;
  const int64_t* dims = dimensions.dims;
  for (size_t i = 0; i < types.num_types; ++i) {
    const auto type = to_element_type(types.types[i]);
    if (!type) {
      return unsupported(
          fmt::format("output {} has PJRT element type {}", i, static_cast<int>(types.types[i])));
    }
    const size_t rank = dimensions.ranks[i];
    shapes.push_back({*type, std::vector<int64_t>(dims, dims + rank)});
    dims += rank;
  }
  return shapes;
}

Result<MemoryStats> Executable::memory_stats() const {
  IX_ASSIGN_OR_RETURN(const Handle<abi::Executable> executable, this->executable());
  auto args = plugin_->make<abi::ExecutableGetCompiledMemoryStatsArgs>();
  args.executable = executable.get();
  IX_RETURN_IF_ERROR(plugin_->call(&abi::Api::executable_get_compiled_memory_stats, args));
  return MemoryStats{.arguments = args.argument_bytes,
                     .outputs = args.output_bytes,
                     .aliased = args.alias_bytes,
                     .temporary = args.temporary_bytes};
}

Result<Execution> Executable::execute(std::span<const std::vector<abi::Buffer*>> arguments,
                                      size_t outputs) const {
  const size_t devices = arguments.size();
  IX_CHECK(devices > 0);
  std::vector<abi::Buffer* const*> argument_lists;
  for (const auto& list : arguments) {
    IX_CHECK(list.size() == arguments[0].size());
    argument_lists.push_back(list.data());
  }
  std::vector<abi::Buffer*> made(devices * outputs);
  std::vector<abi::Buffer**> output_lists;
  for (size_t d = 0; d < devices; ++d) output_lists.push_back(made.data() + d * outputs);
  std::vector<abi::Event*> complete(devices);

  auto options = plugin_->make<abi::ExecuteOptions>();
  auto args = plugin_->make<abi::LoadedExecutableExecuteArgs>();
  args.executable = executable_.get();
  args.options = &options;
  args.arguments = argument_lists.data();
  args.num_devices = devices;
  args.num_arguments = arguments[0].size();
  args.outputs = output_lists.data();
  args.device_complete_events = complete.data();
  IX_RETURN_IF_ERROR(plugin_->call(&abi::Api::loaded_executable_execute, args));

  Execution execution;
  execution.outputs.resize(devices);
  for (size_t d = 0; d < devices; ++d) {
    execution.outputs[d].reserve(outputs);
    for (size_t i = 0; i < outputs; ++i) {
      execution.outputs[d].emplace_back(*plugin_, output_lists[d][i]);
    }
    execution.complete.emplace_back(*plugin_, complete[d]);
  }
  return execution;
}

}  // namespace ix::backend::xla::pjrt
