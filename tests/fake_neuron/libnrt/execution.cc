// nrt_execute: the tensors are checked, the ranks gathered, the program run.
#include "backend/neuron/nrt/nrt_status.h"
#include "fake_neuron/libnrt/exports.h"
#include "fake_neuron/libnrt/models.h"
#include "fake_neuron/libnrt/state.h"

namespace ix::fake_nrt {
namespace {

StatusValue refuse(const std::string& why, StatusValue status) {
  state().log.error("nrt_execute: " + why);
  return status;
}

// One side of a binding: the set's tensors in the NEFF's order.
StatusValue bind(const FakeModel& model, const FakeSet& set, const std::vector<NeffTensor>& wanted,
                 std::vector<FakeTensor*>& bound) {
  for (const NeffTensor& tensor : wanted) {
    const auto found = set.tensors.find(tensor.name);
    if (found == set.tensors.end()) return refuse("no tensor " + tensor.name, kBadInput);
    if (!state().tensors.contains(found->second)) {
      violation("execution with freed tensor " + tensor.name);
    }
    if (found->second->size != tensor.bytes) {
      return refuse("size of " + tensor.name + " is not the program's", kInvalid);
    }
    if (found->second->core != model.core) {
      return refuse(tensor.name + " is on another core", kInvalid);
    }
    bound.push_back(found->second);
  }
  if (set.tensors.size() != wanted.size()) return refuse("a name is not the program's", kInvalid);
  return kSuccess;
}

bool share_bytes(const FakeTensor& a, const FakeTensor& b) {
  return a.storage == b.storage && a.offset < b.offset + b.size && b.offset < a.offset + a.size;
}

// An aliased output is its parameter's tensor; any other shares no bytes with a tensor of the step.
StatusValue check_aliases(const Neff& neff, const std::vector<FakeTensor*>& inputs,
                          const std::vector<FakeTensor*>& outputs) {
  for (size_t i = 0; i < outputs.size(); ++i) {
    const int parameter = neff.parameter_of(i);
    if (parameter >= 0) {
      if (outputs[i] != inputs[parameter]) {
        return refuse(neff.outputs[i].name + " is not the tensor of its input", kInvalid);
      }
      continue;
    }
    for (const FakeTensor* input : inputs) {
      if (share_bytes(*outputs[i], *input)) {
        return refuse(neff.outputs[i].name + " lies over an input", kInvalid);
      }
    }
    for (size_t j = 0; j < i; ++j) {
      if (share_bytes(*outputs[i], *outputs[j])) {
        return refuse(neff.outputs[i].name + " lies over another output", kInvalid);
      }
    }
  }
  return kSuccess;
}

struct Call {
  std::shared_ptr<Program> program;
  int core;
  int rank;
  RankMemory memory;
  std::vector<std::shared_ptr<Storage>> held;  // alive while the program runs
};

StatusValue prepare(const Model* model, const TensorSet* inputs, const TensorSet* outputs,
                    Call& call) {
  State& s = state();
  const std::lock_guard lock(s.mutex);
  const FakeModel* found = known_model(model);
  const auto* input_set = static_cast<const FakeSet*>(inputs);
  const auto* output_set = static_cast<const FakeSet*>(outputs);
  if (!s.sets.contains(const_cast<FakeSet*>(input_set)) ||
      !s.sets.contains(const_cast<FakeSet*>(output_set))) {
    violation("execution with a tensor set that is not there");
  }
  const Neff& neff = found->program->neff();
  std::vector<FakeTensor*> in;
  std::vector<FakeTensor*> out;
  if (const StatusValue bad = bind(*found, *input_set, neff.inputs, in)) return bad;
  if (const StatusValue bad = bind(*found, *output_set, neff.outputs, out)) return bad;
  if (const StatusValue bad = check_aliases(neff, in, out)) return bad;
  call.program = found->program;
  call.core = found->core;
  call.rank = found->rank;
  if (s.settings.hashes_only) return refuse("only hashes are kept", kFailure);
  for (const FakeTensor* tensor : in) {
    call.memory.inputs.emplace_back(tensor->bytes(), tensor->size);
    call.held.push_back(tensor->storage);
  }
  for (const FakeTensor* tensor : out) {
    call.memory.outputs.emplace_back(tensor->bytes(), tensor->size);
    call.held.push_back(tensor->storage);
  }
  return kSuccess;
}

// What an execution that failed may have left in its outputs.
void spoil(const Call& call) {
  for (const auto output : call.memory.outputs) std::ranges::fill(output, std::byte{0xFF});
}

void falsify(const Call& call) {
  for (const auto output : call.memory.outputs) output.back() ^= std::byte{0xFF};
}

StatusValue run(const Call& call) {
  const auto limit = std::chrono::seconds(state().timeout_seconds);
  const auto meet = [&](const std::map<int, RankMemory>& memory) {
    const Status ran = call.program->run(memory);
    return ran.ok() ? kSuccess : refuse(ran.message(), kFailure);
  };
  const std::optional<int> answer =
      call.program->executions.arrive(call.rank, call.program->ranks(), call.memory, limit, meet);
  return answer.value_or(kStuckInCollective);
}

int core_of(const Model* model) {
  const std::lock_guard lock(state().mutex);
  return known_model(model)->core;
}

}  // namespace

StatusValue nrt_execute(Model* model, const TensorSet* inputs, TensorSet* outputs) {
  if (const StatusValue closed = check_open()) return closed;
  State& s = state();
  FakeCore& core = *s.cores.at(core_of(model));
  Call call;
  if (const StatusValue bad = prepare(model, inputs, outputs, call)) return bad;
  StatusValue status = enter("nrt_execute", call.core);
  const std::lock_guard executing(core.executing);
  if (core.lost != kSuccess) return core.lost;
  const bool wrong = status == kWrongResult;
  if (status == kSuccess || wrong) status = run(call);
  if (status == kSuccess && wrong) falsify(call);
  if (status != kSuccess && !backend::neuron::nrt::may_retry_soon(status)) spoil(call);
  if (backend::neuron::nrt::is_sticky(status)) core.lost = status;
  return status;
}

StatusValue nrt_execute_repeat(Model* model, const TensorSet* inputs, TensorSet* outputs,
                               int repeat_count) {
  if (const StatusValue injected = enter("nrt_execute_repeat")) return injected;
  // Programs are not compiled for repetition.
  return repeat_count == 1 ? nrt_execute(model, inputs, outputs) : kInvalid;
}

}  // namespace ix::fake_nrt
