// Loading and unloading programs, and what they are made of.
#include "fake_neuron/libnrt/models.h"

#include <cstdlib>
#include <cstring>

#include "fake_neuron/libnrt/exports.h"
#include "fake_neuron/libnrt/state.h"

namespace ix::fake_nrt {
namespace {

// Replica groups that the library takes in one NEFF.
int most_replica_groups() { return state().settings.version.at_least(34, 10) ? 16 : 12; }

StatusValue refuse_load(const std::string& why, StatusValue status) {
  state().log.error("load: " + why);
  return status;
}

StatusValue status_of(const Status& error) {
  return error.code() == StatusCode::unsupported ? kUnsupportedNeff : kInvalid;
}

struct Loading {
  std::span<const std::byte> file;
  int core;
  int rank;
  std::vector<int> cores;  // of all ranks
};

// Makes the model. Its memory is taken before the ranks meet.
StatusValue make_model(const Loading& loading, Model** model) {
  State& s = state();
  if (loading.core < 0 || loading.core >= static_cast<int>(s.cores.size())) return kInvalid;
  Result<Neff> neff = read_neff(loading.file);
  if (!neff.ok()) return refuse_load(neff.status().message(), status_of(neff.status()));
  const int ranks = static_cast<int>(loading.cores.size());
  if (neff->replica_groups > most_replica_groups()) {
    return refuse_load("too many replica groups", kResource);
  }
  const uint64_t bytes = loading.file.size();
  if (!s.memory.take(loading.core, bytes)) {
    return refuse_load("core " + std::to_string(loading.core) + " is full", kResource);
  }
  if (ranks > 1) {
    if (const StatusValue apart = meet_for_load(loading.rank, ranks, neff->hash)) {
      s.memory.give_back(loading.core, bytes);
      return apart;
    }
  }
  const std::string name = neff->module;
  Result<std::shared_ptr<Program>> program = s.programs.load(*std::move(neff), loading.cores);
  if (!program.ok()) {
    s.memory.give_back(loading.core, bytes);
    return refuse_load(program.status().message(), kInvalid);
  }
  const std::lock_guard lock(s.mutex);
  auto* made = new FakeModel{*std::move(program), loading.core, loading.rank, bytes};
  s.models.insert(made);
  s.log.call("loaded " + name + " on core " + std::to_string(loading.core));
  *model = reinterpret_cast<Model*>(made);
  return kSuccess;
}

void copy_name(const std::string& name, char (&target)[256]) {
  name.copy(target, sizeof(target) - 1);
}

void describe(const NeffTensor& tensor, Usage usage, TensorInfo& info) {
  copy_name(tensor.name, info.name);
  info.usage = usage;
  info.size = tensor.bytes;
  info.dtype = 0;
  info.ndim = static_cast<uint32_t>(tensor.shape.dims.size());
  info.shape = static_cast<uint32_t*>(std::calloc(info.ndim + 1, sizeof(uint32_t)));
  for (uint32_t i = 0; i < info.ndim; ++i) {
    info.shape[i] = static_cast<uint32_t>(tensor.shape.dims[i]);
  }
}

}  // namespace

FakeModel* known_model(const Model* model) {
  auto* found = reinterpret_cast<FakeModel*>(const_cast<Model*>(model));
  if (!state().models.contains(found)) violation("use of a model that is not loaded");
  return found;
}

StatusValue meet_for_load(int rank, int ranks, const std::string& neff_hash) {
  State& s = state();
  Gathering<std::string>* loads = nullptr;
  {
    const std::lock_guard lock(s.mutex);
    auto& found = s.loads[ranks];
    if (found == nullptr) found = std::make_unique<Gathering<std::string>>();
    loads = found.get();
  }
  const auto compare = [&](const std::map<int, std::string>& hashes) {
    for (const auto& [other, hash] : hashes) {
      if (hash != hashes.begin()->second) {
        return refuse_load("mismatching number of cc ops between ranks", kFailure);
      }
    }
    return kSuccess;
  };
  // Without a limit: a rank alone waits until the process ends.
  return loads->arrive(rank, ranks, neff_hash, std::nullopt, compare).value_or(kFailure);
}

StatusValue nrt_load(const void* neff, size_t size, int32_t core, int32_t, Model** model) {
  if (const StatusValue injected = enter("nrt_load", core)) return injected;
  if (const StatusValue closed = check_open()) return closed;
  const int place = core < 0 ? 0 : core;
  return make_model({{static_cast<const std::byte*>(neff), size}, place, 0, {place}}, model);
}

StatusValue nrt_load_collectives(const void* neff, size_t size, int32_t core, int32_t,
                                 uint32_t rank, uint32_t ranks, Model** model) {
  if (const StatusValue injected = enter("nrt_load_collectives", core)) return injected;
  if (const StatusValue closed = check_open()) return closed;
  if (rank >= ranks) return kInvalid;
  if (!has_root_address()) return refuse_load("NEURON_RT_ROOT_COMM_ID is not set", kInvalid);
  // All ranks are this process's, rank i on core i + (core - rank).
  Loading loading{{static_cast<const std::byte*>(neff), size}, core, static_cast<int>(rank), {}};
  for (int i = 0; i < static_cast<int>(ranks); ++i) {
    loading.cores.push_back(i + core - static_cast<int>(rank));
  }
  return make_model(loading, model);
}

StatusValue nrt_unload(Model* model) {
  if (const StatusValue injected = enter("nrt_unload")) return injected;
  if (const StatusValue closed = check_open()) return closed;
  State& s = state();
  const std::lock_guard lock(s.mutex);
  FakeModel* found = known_model(model);
  s.memory.give_back(found->core, found->device_bytes);
  s.log.call("unloaded " + found->program->neff().module + " of core " +
             std::to_string(found->core));
  s.models.erase(found);
  delete found;
  return kSuccess;
}

StatusValue nrt_get_model_nc_count(const Model* model, uint32_t* count) {
  if (const StatusValue injected = enter("nrt_get_model_nc_count")) return injected;
  const std::lock_guard lock(state().mutex);
  known_model(model);
  *count = 1;
  return kSuccess;
}

StatusValue nrt_get_model_instance_count(Model* model, uint32_t* instance_count) {
  if (const StatusValue injected = enter("nrt_get_model_instance_count")) return injected;
  const std::lock_guard lock(state().mutex);
  known_model(model);
  *instance_count = 1;
  return kSuccess;
}

StatusValue nrt_get_model_tensor_info(Model* model, TensorInfoArray** info) {
  if (const StatusValue injected = enter("nrt_get_model_tensor_info")) return injected;
  if (const StatusValue closed = check_open()) return closed;
  const std::lock_guard lock(state().mutex);
  const Neff& neff = known_model(model)->program->neff();
  const size_t count = neff.inputs.size() + neff.outputs.size();
  void* memory = std::calloc(1, sizeof(TensorInfoArray) + count * sizeof(TensorInfo));
  auto* array = static_cast<TensorInfoArray*>(memory);
  auto* infos = reinterpret_cast<TensorInfo*>(array + 1);
  array->tensor_count = count;
  for (const NeffTensor& tensor : neff.inputs) describe(tensor, Usage::input, *infos++);
  for (const NeffTensor& tensor : neff.outputs) describe(tensor, Usage::output, *infos++);
  *info = array;
  return kSuccess;
}

StatusValue nrt_free_model_tensor_info(TensorInfoArray* info) {
  for (uint64_t i = 0; i < info->tensor_count; ++i) std::free(info->tensors()[i].shape);
  std::free(info);
  return enter("nrt_free_model_tensor_info");
}

}  // namespace ix::fake_nrt
