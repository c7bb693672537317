#include "backend/xla/pjrt/pjrt_program.h"

#include <fmt/format.h>

namespace ix::backend::xla::pjrt {

Result<std::unique_ptr<PjrtProgram>> PjrtProgram::make(const Client& client,
                                                       const hlo::Module& module,
                                                       Executable executable) {
  IX_ASSIGN_OR_RETURN(const std::vector<hlo::Shape> shapes, executable.output_shapes());
  if (shapes.size() != module.outputs.size()) {
    return internal_error(
        fmt::format("{} outputs, the PJRT plugin sees {}", module.outputs.size(), shapes.size()));
  }
  for (size_t i = 0; i < shapes.size(); ++i) {
    if (shapes[i] == module.outputs[i].shape) continue;
    return internal_error(fmt::format("output {} is {}, the PJRT plugin sees {}",
                                      module.outputs[i].name, hlo::to_text(module.outputs[i].shape),
                                      hlo::to_text(shapes[i])));
  }
  std::vector<int> parameter_of(module.outputs.size(), -1);
  for (const auto& [output, parameter] : module.aliases) {
    const auto o = static_cast<size_t>(output);
    const auto p = static_cast<size_t>(parameter);
    if (o >= module.outputs.size() || p >= module.parameters.size() ||
        module.outputs[o].shape != module.parameters[p].shape) {
      return invalid_argument(
          fmt::format("output {} cannot take the storage of parameter {}", output, parameter));
    }
    parameter_of[o] = parameter;
  }
  return std::unique_ptr<PjrtProgram>(
      new PjrtProgram(client, module, std::move(executable), std::move(parameter_of)));
}

}  // namespace ix::backend::xla::pjrt
