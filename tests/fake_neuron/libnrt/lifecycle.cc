// nrt_init, nrt_close, and what may be asked before.
#include <cstring>

#include "fake_neuron/libnrt/exports.h"
#include "fake_neuron/libnrt/state.h"

namespace ix::fake_nrt {
namespace {

// Micro-code of a core, loaded once.
constexpr uint64_t kMicroCodeBytes = uint64_t{96} << 20;

StatusValue refuse_init(const std::string& why) {
  state().log.error("nrt_init: " + why);
  return kFailure;
}

std::string range(int first, int count) {
  return "nc" + std::to_string(first) + "-nc" + std::to_string(first + count - 1);
}

void open_cores(State& s) {
  const int count = s.ownership.count();
  s.memory.open(s.settings.directory, count, s.settings.core_bytes, s.settings.hashes_only);
  s.programs.open(s.settings.hashes_only ? "" : s.settings.plugin, count);
  s.cores.clear();
  for (int core = 0; core < count; ++core) {
    s.cores.push_back(std::make_unique<FakeCore>());
    s.memory.take(core, kMicroCodeBytes);
  }
  s.timeout_seconds = execution_timeout_seconds();
}

}  // namespace

StatusValue nrt_init(Framework framework, const char* framework_version, const char* fal_version) {
  State& s = state();
  if (check_open() == kClosed) s.script.open(s.settings.script);
  if (const StatusValue injected = enter("nrt_init")) return injected;
  const std::lock_guard lock(s.mutex);
  if (framework == Framework::invalid || framework_version == nullptr || fal_version == nullptr) {
    return kInvalid;
  }
  if (s.phase == State::Phase::open) return refuse_init("called twice");
  if (s.phase == State::Phase::closed && !s.settings.version.at_least(34, 10)) return kClosed;
  const CoreRequest request = requested_cores();
  if (!request.valid) return refuse_init("NEURON_RT_VISIBLE_CORES is not a range of cores");
  if (!s.ownership.claim(s.settings.directory, s.settings.cores, request)) {
    return refuse_init("NeuronCore(s) not available - Requested:" +
                       range(request.first.value_or(0), request.count.value_or(s.settings.cores)) +
                       " Available:0");
  }
  open_cores(s);
  s.phase = State::Phase::open;
  s.log.call("nrt_init cores " + std::to_string(s.ownership.count()));
  return kSuccess;
}

void nrt_close() {
  State& s = state();
  enter("nrt_close");
  const std::lock_guard lock(s.mutex);
  if (s.phase != State::Phase::open) return s.log.complain("nrt_close without nrt_init");
  for (const FakeModel* model : s.models) {
    s.log.complain("nrt_close with " + model->program->neff().module + " loaded");
  }
  for (const FakeSet* set : s.sets) {
    s.log.complain("nrt_close with a set of " + std::to_string(set->tensors.size()) + " tensors");
  }
  for (const FakeTensor* tensor : s.tensors)
    s.log.complain("nrt_close with tensor " + tensor->name);
  for (int core = 0; core < s.ownership.count(); ++core) {
    s.log.call("core " + std::to_string(core) + " used at most " +
               std::to_string(s.memory.most_used(core)) + " bytes");
    s.memory.give_back(core, kMicroCodeBytes);
  }
  s.ownership.release();
  s.phase = State::Phase::closed;
  s.log.call("nrt_close");
}

StatusValue nrt_get_version(Version* version, size_t size) {
  if (const StatusValue injected = enter("nrt_get_version")) return injected;
  const LibraryVersion& own = state().settings.version;
  Version full{own.major, own.minor, own.patch, own.maintenance, "fake", "0"};
  std::memcpy(version, &full, std::min(size, sizeof(full)));
  return kSuccess;
}

StatusValue nrt_get_total_nc_count(uint32_t* count) {
  if (const StatusValue injected = enter("nrt_get_total_nc_count")) return injected;
  *count = static_cast<uint32_t>(state().settings.cores);
  return kSuccess;
}

StatusValue nrt_get_visible_nc_count(uint32_t* count) {
  if (const StatusValue injected = enter("nrt_get_visible_nc_count")) return injected;
  const CoreRequest request = requested_cores();
  if (!request.valid) return kInvalid;
  *count = static_cast<uint32_t>(request.count.value_or(state().settings.cores));
  return kSuccess;
}

StatusValue nrt_get_instance_info(InstanceInfo* info, size_t size) {
  if (const StatusValue injected = enter("nrt_get_instance_info")) return injected;
  // inf2.xlarge (size 0) has one chip, inf2.48xlarge (7) twelve.
  const InstanceInfo full{kFamilyInf2, state().settings.cores > 2 ? 7U : 0U, "fake", "1"};
  std::memcpy(info, &full, std::min(size, sizeof(full)));
  return kSuccess;
}

StatusValue nrt_get_vnc_memory_stats(uint32_t core, MemoryStats* stats, size_t size_in,
                                     size_t* size_out) {
  if (const StatusValue injected = enter("nrt_get_vnc_memory_stats", static_cast<int>(core))) {
    return injected;
  }
  if (const StatusValue closed = check_open()) return closed;
  State& s = state();
  if (core >= s.cores.size()) return kInvalid;
  const MemoryStats full{s.memory.used(static_cast<int>(core)), s.memory.limit()};
  *size_out = std::min(size_in, sizeof(full));
  std::memcpy(stats, &full, *size_out);
  return kSuccess;
}

// Tracing and profiling write files of AWS's tools; the fake has none.
StatusValue nrt_trace_start(bool) { return kInvalid; }
StatusValue nrt_trace_stop(const char*) { return kInvalid; }
StatusValue nrt_profile_start(Model*, const char*) { return kInvalid; }
StatusValue nrt_profile_stop(const char*) { return kInvalid; }

}  // namespace ix::fake_nrt
