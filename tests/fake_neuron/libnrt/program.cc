#include "fake_neuron/libnrt/program.h"

#include <cstring>

#include "backend/xla/pjrt/compile_options.h"
#include "backend/xla/pjrt/open_client.h"
#include "backend/xla/pjrt/plugin.h"

namespace ix::fake_nrt {
namespace {

namespace pjrt = backend::xla::pjrt;
using backend::kNoDeadline;

}  // namespace

Status Program::run(const std::map<int, RankMemory>& memory) const {
  if (!executable_.has_value()) return unsupported("there is no FAKE_NRT_PLUGIN to run programs");
  std::vector<std::vector<pjrt::Buffer>> buffers(memory.size());
  std::vector<std::vector<pjrt::abi::Buffer*>> arguments(memory.size());
  for (const auto& [rank, tensors] : memory) {
    for (size_t i = 0; i < neff_.inputs.size(); ++i) {
      IX_ASSIGN_OR_RETURN(
          pjrt::HostTransfer sent,
          client_->transfer(cores_[rank], neff_.inputs[i].shape, tensors.inputs[i].data(),
                            pjrt::abi::HostBufferSemantics::immutable_only_during_call));
      IX_RETURN_IF_ERROR(sent.done.await(kNoDeadline));
      arguments[rank].push_back(sent.buffer.get());
      buffers[rank].push_back(std::move(sent.buffer));
    }
  }
  IX_ASSIGN_OR_RETURN(const pjrt::Execution execution,
                      executable_->execute(arguments, neff_.outputs.size()));
  for (const pjrt::Event& complete : execution.complete) {
    IX_RETURN_IF_ERROR(complete.await(kNoDeadline));
  }
  for (const auto& [rank, tensors] : memory) {
    for (size_t i = 0; i < neff_.outputs.size(); ++i) {
      IX_RETURN_IF_ERROR(
          execution.outputs[rank][i].read(neff_.outputs[i].shape.rank(), tensors.outputs[i]));
    }
  }
  return ok_status();
}

void Programs::open(const std::string& plugin, int cores) {
  const std::lock_guard lock(mutex_);
  plugin_ = plugin;
  cores_ = cores;
}

Result<std::shared_ptr<Program>> Programs::load(Neff neff, const std::vector<int>& cores) {
  const std::lock_guard lock(mutex_);
  if (!plugin_.empty()) IX_RETURN_IF_ERROR(open_client());
  std::string key = neff.hash;
  for (const int core : cores) key.append(",").append(std::to_string(core));
  if (const auto known = programs_.find(key); known != programs_.end()) return known->second;
  std::optional<pjrt::Executable> executable;
  if (!plugin_.empty()) {
    std::vector<int> ids;
    for (const int core : cores) {
      IX_ASSIGN_OR_RETURN(const int id, client_->device_id(core));
      ids.push_back(id);
    }
    IX_ASSIGN_OR_RETURN(executable, client_->compile(neff.hlo, pjrt::compile_options(ids)));
  }
  auto program =
      std::make_shared<Program>(std::move(neff), std::move(executable), client_.get(), cores);
  programs_[key] = program;
  return program;
}

Status Programs::open_client() {
  if (client_ != nullptr && static_cast<int>(client_->devices().size()) >= cores_) {
    return ok_status();
  }
  IX_ASSIGN_OR_RETURN(const pjrt::Plugin* plugin, pjrt::Plugin::load(plugin_));
  // Nobody runs programs of an earlier client: more cores come only after nrt_close.
  programs_.clear();
  IX_ASSIGN_OR_RETURN(client_, pjrt::open_client(*plugin, cores_));
  return ok_status();
}

}  // namespace ix::fake_nrt
