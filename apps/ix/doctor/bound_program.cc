#include "doctor/bound_program.h"

#include <chrono>

#include "base/check.h"

namespace ix::cli::doctor {

namespace xla = backend::xla;

Result<BoundProgram> BoundProgram::load(xla::Runtime& runtime, const xla::hlo::Module& module,
                                        const std::vector<HostArrays>& inputs) {
  // prefill: what compiles fastest.
  IX_ASSIGN_OR_RETURN(auto program, runtime.load(module, xla::ProgramKind::prefill));
  BoundProgram bound(runtime, std::move(program));
  for (size_t rank = 0; rank < inputs.size(); ++rank) {
    IX_RETURN_IF_ERROR(bound.bind(static_cast<int>(rank), inputs[rank]));
  }
  return bound;
}

Status BoundProgram::bind(int rank, const HostArrays& inputs) {
  const xla::hlo::Module& module = program_->module();
  IX_CHECK(inputs.size() == module.parameters.size());
  xla::RankBinding binding;
  for (size_t i = 0; i < inputs.size(); ++i) {
    const xla::hlo::NamedShape& parameter = module.parameters[i];
    IX_CHECK(inputs[i].shape == parameter.shape);
    IX_ASSIGN_OR_RETURN(auto upload, runtime_->upload(rank, parameter.shape, parameter.name));
    IX_RETURN_IF_ERROR(upload->write(0, to_bytes(inputs[i])));
    IX_ASSIGN_OR_RETURN(auto tensor, upload->finish());
    binding.inputs.push_back(tensor.get());
    tensors_.push_back(std::move(tensor));
  }
  binding.outputs.resize(module.outputs.size());
  for (const xla::hlo::Alias& alias : module.aliases) {
    binding.outputs[static_cast<size_t>(alias.output)] =
        binding.inputs[static_cast<size_t>(alias.parameter)];
  }
  for (size_t i = 0; i < module.outputs.size(); ++i) {
    if (binding.outputs[i] != nullptr) continue;
    IX_ASSIGN_OR_RETURN(auto tensor,
                        runtime_->tensor(rank, module.outputs[i].shape, module.outputs[i].name));
    binding.outputs[i] = tensor.get();
    tensors_.push_back(std::move(tensor));
  }
  bindings_.push_back(std::move(binding));
  return ok_status();
}

Status BoundProgram::run(backend::Deadline deadline) {
  IX_ASSIGN_OR_RETURN(const backend::Ticket ticket, runtime_->execute(*program_, bindings_));
  return runtime_->wait(ticket, deadline);
}

Result<std::vector<double>> BoundProgram::time_runs(int runs, backend::Deadline deadline) {
  std::vector<double> seconds;
  for (int i = 0; i < runs; ++i) {
    const auto start = std::chrono::steady_clock::now();
    IX_RETURN_IF_ERROR(run(deadline));
    seconds.push_back(
        std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count());
  }
  return seconds;
}

Result<HostArray> BoundProgram::output(int rank, size_t number) const {
  const xla::DeviceTensor& tensor = *bindings_[static_cast<size_t>(rank)].outputs[number];
  std::vector<std::byte> bytes(static_cast<size_t>(byte_size(tensor.shape())));
  IX_RETURN_IF_ERROR(runtime_->read(tensor, bytes));
  return from_bytes(tensor.shape(), bytes);
}

}  // namespace ix::cli::doctor
