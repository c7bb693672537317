#include "backend/xla/pjrt/pjrt_runtime.h"

#include <fmt/format.h>

#include <utility>

#include "backend/xla/pjrt/compile_options.h"
#include "backend/xla/pjrt/open_client.h"
#include "backend/xla/pjrt/pjrt_program.h"
#include "backend/xla/pjrt/pjrt_tensor.h"

namespace ix::backend::xla::pjrt {

PjrtRuntime::PjrtRuntime(std::unique_ptr<Client> client, std::vector<int> device_ids)
    : client_(std::move(client)),
      device_ids_(std::move(device_ids)),
      // A device of XLA's CPU client blocks a thread while it waits for the others in a collective.
      // Two programs that need nothing of each other, started by one device on both threads of a
      // small host, would keep the others from ever starting.
      one_at_a_time_(device_ids_.size() > 1 && client_->platform() == "cpu") {}

PjrtRuntime::~PjrtRuntime() {
  if (timed_out_) {
    client_->abandon();
    return;
  }
  settle();
}

void PjrtRuntime::settle() const {
  for (const Pending& pending : pending_) {
    for (const Event& event : pending.complete) static_cast<void>(event.await(kNoDeadline));
  }
}

Result<std::unique_ptr<PjrtRuntime>> PjrtRuntime::open(const PjrtOptions& options) {
  IX_ASSIGN_OR_RETURN(const Plugin* plugin, Plugin::load(options.plugin));
  IX_ASSIGN_OR_RETURN(auto client, open_client(*plugin, options.devices));
  std::vector<int> device_ids;
  for (size_t device = 0; device < static_cast<size_t>(options.devices); ++device) {
    IX_ASSIGN_OR_RETURN(const int id, client->device_id(device));
    device_ids.push_back(id);
  }
  return std::unique_ptr<PjrtRuntime>(new PjrtRuntime(std::move(client), std::move(device_ids)));
}

Result<std::unique_ptr<Program>> PjrtRuntime::load(const hlo::Module& module, ProgramKind) {
  IX_RETURN_IF_ERROR(alive());
  if (module.replicas != ranks()) {
    return invalid_argument(fmt::format("program {}: it has {} replicas for {} devices",
                                        module.name, module.replicas, ranks()));
  }
  auto executable = client_->compile(module.bytes, compile_options(device_ids_));
  if (!executable.ok()) return executable.status().with_context("program " + module.name);
  auto program = PjrtProgram::make(*client_, module, std::move(executable).value());
  if (!program.ok()) return program.status().with_context("program " + module.name);
  return std::unique_ptr<Program>(std::move(program).value());
}

Result<std::unique_ptr<DeviceTensor>> PjrtRuntime::tensor(int rank, const hlo::Shape& shape,
                                                          const std::string& name) {
  IX_RETURN_IF_ERROR(alive());
  IX_RETURN_IF_ERROR(check_rank(rank));
  // Not touched here: on CPUs a cache takes memory as it fills.
  auto zeros = PageBuffer::reserve(static_cast<uint64_t>(hlo::byte_size(shape)));
  if (!zeros.ok()) return zeros.status().with_context(name);
  IX_ASSIGN_OR_RETURN(auto made,
                      PjrtTensor::make(*client_, rank, shape, name, std::move(zeros).value()));
  return std::unique_ptr<DeviceTensor>(std::move(made));
}

Result<std::unique_ptr<Upload>> PjrtRuntime::upload(int rank, const hlo::Shape& shape,
                                                    const std::string& name) {
  IX_RETURN_IF_ERROR(alive());
  IX_RETURN_IF_ERROR(check_rank(rank));
  auto content = PageBuffer::allocate(static_cast<uint64_t>(hlo::byte_size(shape)));
  if (!content.ok()) return content.status().with_context(name);
  return std::unique_ptr<Upload>(
      std::make_unique<PjrtUpload>(*client_, rank, shape, name, std::move(content).value()));
}

Status PjrtRuntime::write(DeviceTensor& tensor, std::span<const std::byte> bytes) {
  IX_RETURN_IF_ERROR(alive());
  PjrtTensor* target = ours(&tensor);
  if (target == nullptr) return invalid_argument("write: a tensor of another runtime");
  if (bytes.size() != static_cast<size_t>(hlo::byte_size(target->shape()))) {
    return invalid_argument(fmt::format("{}: {} bytes for {}", target->name(), bytes.size(),
                                        hlo::to_text(target->shape())));
  }
  // A buffer of its own: earlier executions may still read the old one.
  auto transfer =
      client_->transfer(static_cast<size_t>(target->rank()), target->shape(), bytes.data(),
                        abi::HostBufferSemantics::immutable_only_during_call);
  if (!transfer.ok()) return transfer.status().with_context(target->name());
  target->replace(std::move(transfer->buffer));
  return {};
}

Result<Ticket> PjrtRuntime::execute(Program& program, std::span<const RankBinding> bindings) {
  IX_RETURN_IF_ERROR(alive());
  auto* loaded = dynamic_cast<PjrtProgram*>(&program);
  if (loaded == nullptr || &loaded->client() != client_.get()) {
    return invalid_argument("execute: a program of another runtime");
  }
  if (bindings.size() != device_ids_.size()) {
    return invalid_argument(fmt::format("program {}: bindings of {} devices for {}",
                                        loaded->module().name, bindings.size(), ranks()));
  }
  ++executions_;  // those that are refused, too: uses are counted for each apart
  std::vector<std::vector<abi::Buffer*>> arguments(bindings.size());
  for (size_t rank = 0; rank < bindings.size(); ++rank) {
    const RankBinding& binding = bindings[rank];
    IX_RETURN_IF_ERROR(check_binding(*loaded, static_cast<int>(rank), binding));
    for (DeviceTensor* input : binding.inputs) {
      arguments[rank].push_back(static_cast<PjrtTensor*>(input)->buffer().get());
    }
  }
  if (one_at_a_time_) settle();
  const bool loses_tensors = !loaded->module().aliases.empty();
  auto execution = loaded->executable().execute(arguments, loaded->module().outputs.size());
  if (!execution.ok()) {
    Status failure = execution.status().with_context("program " + loaded->module().name);
    // Donated arguments may be gone.
    if (loses_tensors) die(failure);
    return failure;
  }
  for (size_t rank = 0; rank < bindings.size(); ++rank) {
    std::vector<Buffer>& outputs = execution->outputs[rank];
    for (size_t i = 0; i < outputs.size(); ++i) {
      static_cast<PjrtTensor*>(bindings[rank].outputs[i])->replace(std::move(outputs[i]));
    }
  }
  pending_.push_back(
      {executions_, loaded->module().name, loses_tensors, std::move(execution->complete)});
  return executions_;
}

Status PjrtRuntime::wait(Ticket ticket, Deadline deadline) {
  IX_RETURN_IF_ERROR(alive());
  if (pending_.empty() || pending_.front().ticket != ticket) {
    return invalid_argument(fmt::format("wait: ticket {} is not the oldest one", ticket));
  }
  const Pending& pending = pending_.front();
  Status failure;
  for (const Event& event : pending.complete) {
    Status status = event.await(deadline).with_context("program " + pending.program);
    if (status.code() == StatusCode::deadline_exceeded) {
      timed_out_ = true;
      die(status);
      return status;
    }
    if (failure.ok()) failure = std::move(status);
  }
  if (!failure.ok() && pending.loses_tensors) die(failure);
  pending_.pop_front();
  return failure;
}

Status PjrtRuntime::read(const DeviceTensor& tensor, std::span<std::byte> bytes) {
  IX_RETURN_IF_ERROR(alive());
  const PjrtTensor* source = ours(&tensor);
  if (source == nullptr) return invalid_argument("read: a tensor of another runtime");
  if (bytes.size() != static_cast<size_t>(hlo::byte_size(source->shape()))) {
    return invalid_argument(fmt::format("{}: room of {} bytes for {}", source->name(), bytes.size(),
                                        hlo::to_text(source->shape())));
  }
  return source->buffer().read(source->shape().rank(), bytes).with_context(source->name());
}

Health PjrtRuntime::health() const {
  Status death = alive();
  if (death.ok()) return {};
  return {HealthState::dead, std::move(death)};
}

std::string PjrtRuntime::description() const {
  return fmt::format("xla {}, {} device{}", client_->platform(), ranks(), ranks() == 1 ? "" : "s");
}

Result<MemoryStats> PjrtRuntime::memory_stats(const Program& program) const {
  const auto* loaded = dynamic_cast<const PjrtProgram*>(&program);
  if (loaded == nullptr) return invalid_argument("memory_stats: a program of another runtime");
  return loaded->executable().memory_stats();
}

Result<uintptr_t> PjrtRuntime::address(const DeviceTensor& tensor) const {
  const PjrtTensor* source = ours(&tensor);
  if (source == nullptr) return invalid_argument("address: a tensor of another runtime");
  return source->buffer().address();
}

PjrtTensor* PjrtRuntime::ours(DeviceTensor* tensor) const {
  return const_cast<PjrtTensor*>(ours(static_cast<const DeviceTensor*>(tensor)));
}

const PjrtTensor* PjrtRuntime::ours(const DeviceTensor* tensor) const {
  const auto* made = dynamic_cast<const PjrtTensor*>(tensor);
  return made != nullptr && &made->client() == client_.get() ? made : nullptr;
}

Status PjrtRuntime::check_rank(int rank) const {
  if (rank >= 0 && rank < ranks()) return {};
  return invalid_argument(fmt::format("device {} of {}", rank, ranks()));
}

Status PjrtRuntime::check_binding(const PjrtProgram& program, int rank,
                                  const RankBinding& binding) const {
  const hlo::Module& module = program.module();
  const auto refuse = [&](std::string_view what) {
    return invalid_argument(fmt::format("program {}, device {}: {}", module.name, rank, what));
  };
  const auto check = [&](DeviceTensor* bound, const hlo::NamedShape& wanted) -> Status {
    const PjrtTensor* tensor = ours(bound);
    if (tensor == nullptr) return refuse(wanted.name + ": a tensor of another runtime, or none");
    if (tensor->rank() != rank) {
      return refuse(
          fmt::format("{}: {} is on device {}", wanted.name, tensor->name(), tensor->rank()));
    }
    if (tensor->shape() != wanted.shape) {
      return refuse(fmt::format("{} is {}, but {} is {}", wanted.name, hlo::to_text(wanted.shape),
                                tensor->name(), hlo::to_text(tensor->shape())));
    }
    return {};
  };
  if (binding.inputs.size() != module.parameters.size() ||
      binding.outputs.size() != module.outputs.size()) {
    return refuse(fmt::format("{} inputs and {} outputs for {} and {}", binding.inputs.size(),
                              binding.outputs.size(), module.parameters.size(),
                              module.outputs.size()));
  }
  for (size_t i = 0; i < binding.inputs.size(); ++i) {
    IX_RETURN_IF_ERROR(check(binding.inputs[i], module.parameters[i]));
    static_cast<PjrtTensor*>(binding.inputs[i])->count_use(executions_);
  }
  for (size_t i = 0; i < binding.outputs.size(); ++i) {
    IX_RETURN_IF_ERROR(check(binding.outputs[i], module.outputs[i]));
    auto* output = static_cast<PjrtTensor*>(binding.outputs[i]);
    const int parameter = program.parameter_of(i);
    if (parameter < 0 && output->count_use(executions_) != 1) {
      return refuse(module.outputs[i].name + ": its tensor is bound twice");
    }
    if (parameter >= 0 && (binding.inputs[static_cast<size_t>(parameter)] != output ||
                           output->uses(executions_) != 1)) {
      return refuse(fmt::format(
          "{} takes the storage of {}: both are one tensor, bound nowhere else",
          module.outputs[i].name, module.parameters[static_cast<size_t>(parameter)].name));
    }
  }
  return {};
}

Status PjrtRuntime::alive() const {
  const std::scoped_lock lock(mutex_);
  return death_;
}

void PjrtRuntime::die(Status status) {
  const std::scoped_lock lock(mutex_);
  if (death_.ok()) death_ = std::move(status);
}

}  // namespace ix::backend::xla::pjrt
