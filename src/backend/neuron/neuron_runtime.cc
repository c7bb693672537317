#include "backend/neuron/neuron_runtime.h"

#include <fmt/format.h>

#include <algorithm>
#include <condition_variable>
#include <thread>

#include "backend/neuron/environment.h"
#include "backend/neuron/rank_statuses.h"

namespace ix::backend::neuron {
namespace {

using Clock = std::chrono::steady_clock;

// libnrt ends an execution by itself at its own limit; this much later we no longer believe it.
constexpr auto kMargin = std::chrono::seconds(5);
// How long other cores may take to end after one has failed.
constexpr auto kGrace = std::chrono::seconds(1);
constexpr auto kInitLimit = std::chrono::seconds(120);
constexpr auto kInitPause = std::chrono::milliseconds(250);
constexpr auto kCloseLimit = std::chrono::seconds(10);
// For threads that have nothing to do.
constexpr auto kStopLimit = std::chrono::milliseconds(200);
constexpr nrt::StatusValue kCoresTaken = 1;

Result<int> visible_cores(Session& session) {
  uint32_t count = 0;
  const Status asked = session.call("nrt_get_visible_nc_count",
                                    [&] { return session.nrt().get_visible_nc_count(&count); });
  if (!asked.ok() || count == 0) {
    return not_found(fmt::format(
        "no NeuronCore is visible{}: this must be an inf2 instance with the driver loaded "
        "(aws-neuronx-dkms; ls /dev/neuron*), and NEURON_RT_VISIBLE_CORES a range of its cores",
        asked.ok() ? "" : " (" + asked.message() + ")"));
  }
  return static_cast<int>(count);
}

// nrt_init, again while it says what it says when others hold the cores.
Status claim_cores(Session& session, std::chrono::seconds claim_time) {
  const auto give_up = Clock::now() + claim_time;
  for (;;) {
    nrt::StatusValue value = nrt::kSuccess;
    Status status = session.call(
        "nrt_init", [&] { return value = session.nrt().init(nrt::Framework::none, "", ""); });
    if (value != kCoresTaken || Clock::now() >= give_up) return status;
    std::this_thread::sleep_for(kInitPause);
  }
}

}  // namespace

// What the cores' threads tell the owner. Outlives the runtime where a thread is left behind.
struct NeuronRuntime::Progress {
  explicit Progress(int ranks) : finished(ranks) {}
  std::mutex mutex;
  std::condition_variable changed;
  std::vector<uint64_t> finished;  // [ranks]: jobs, in order of posting; guarded by mutex
};

struct NeuronRuntime::Execution {
  Ticket ticket = 0;
  std::string program;
  std::vector<nrt::Model*> models;  // [ranks]
  std::vector<SetPair> sets;        // [ranks]
  // Guarded by Progress::mutex.
  RankStatuses statuses;  // [ranks]
  Status poison;          // why it fails whatever its own statuses are

  bool ended() const {
    return std::ranges::all_of(statuses, [](const auto& status) { return status.has_value(); });
  }
  bool failed() const {
    return std::ranges::any_of(statuses,
                               [](const auto& status) { return status && !status->ok(); });
  }
};

Result<std::unique_ptr<NeuronRuntime>> NeuronRuntime::open(const NeuronOptions& options) {
  if (options.ranks < 0) return invalid_argument("a runtime cannot have fewer than 0 cores");
  IX_ASSIGN_OR_RETURN(auto library, nrt::Library::load(options.library));
  IX_ASSIGN_OR_RETURN(auto store, NeffStore::open(options.cache_root, options.compiler));
  IX_RETURN_IF_ERROR(prepare_environment(options.ranks, options.execution_timeout));
  const auto session = std::make_shared<Session>(std::move(library));
  IX_ASSIGN_OR_RETURN(const int visible, visible_cores(*session));
  const int ranks = options.ranks == 0 ? visible : options.ranks;
  const ChosenCores chosen(options.ranks);
  if (ranks > visible) {
    return resource_exhausted(
        fmt::format("{} cores are asked for and {} can be seen; see NEURON_RT_VISIBLE_CORES and "
                    "NEURON_RT_NUM_CORES",
                    ranks, visible));
  }
  std::unique_ptr<NeuronRuntime> runtime(
      new NeuronRuntime(session, std::move(store), ranks, options));
  IX_RETURN_IF_ERROR(runtime->start(options));
  return runtime;
}

NeuronRuntime::NeuronRuntime(std::shared_ptr<Session> session, std::unique_ptr<NeffStore> store,
                             int ranks, const NeuronOptions& options)
    : session_(std::move(session)),
      store_(std::move(store)),
      sets_(std::make_shared<TensorSets>(session_)),
      progress_(std::make_shared<Progress>(ranks)),
      execution_limit_(neuron::execution_timeout() + kMargin),
      load_timeout_(options.load_timeout),
      cores_(ranks),
      posted_(ranks) {}

Status NeuronRuntime::start(const NeuronOptions& options) {
  const auto answer = cores_.run(
      0,
      [session = session_, claim_time = options.claim_time] {
        return claim_cores(*session, claim_time);
      },
      kInitLimit + options.claim_time);
  Status started = settle(*session_, {answer}, "nrt_init");
  // Nothing is to be closed.
  if (!started.ok()) session_->die(started);
  started_ = started.ok();
  return started;
}

NeuronRuntime::~NeuronRuntime() {
  if (!session_->left_behind()) {
    // A dead session's executions may wait for a lost core until libnrt's own limit.
    const auto limit = session_->alive().ok() ? Clock::duration(execution_limit_) : kGrace;
    const Status drained = settle(
        *session_, cores_.run_all([](int) { return ok_status(); }, limit, kGrace), "the end");
    if (drained.ok()) sets_->clear();
    if (drained.ok() && started_) {
      const auto closed = cores_.run(
          0,
          [session = session_] {
            session->nrt().close();
            return ok_status();
          },
          kCloseLimit);
      if (!closed.has_value()) session_->leave_behind();
    }
  }
  cores_.stop(session_->left_behind() ? Clock::now() + kStopLimit : kNoDeadline);
}

Result<std::unique_ptr<xla::Program>> NeuronRuntime::load(const xla::hlo::Module& module,
                                                          xla::ProgramKind kind) {
  IX_RETURN_IF_ERROR(session_->alive());
  if (module.replicas != ranks()) {
    return invalid_argument(fmt::format("{} is made for {} cores, and there are {}", module.name,
                                        module.replicas, ranks()));
  }
  IX_ASSIGN_OR_RETURN(CachedNeff neff, store_->get(module, kind));
  IX_ASSIGN_OR_RETURN(auto program, NeuronProgram::load(session_, sets_, cores_, module,
                                                        std::move(neff.bytes), load_timeout_));
  return std::unique_ptr<xla::Program>(std::move(program));
}

Result<std::shared_ptr<Allocation>> NeuronRuntime::allocate(int rank, const xla::hlo::Shape& shape,
                                                            const std::string& name) {
  IX_RETURN_IF_ERROR(session_->alive());
  if (rank < 0 || rank >= ranks()) {
    return invalid_argument(fmt::format("{}: there is no core {}", name, rank));
  }
  return Allocation::make(session_, sets_, rank, shape, name);
}

Result<std::unique_ptr<xla::DeviceTensor>> NeuronRuntime::tensor(int rank,
                                                                 const xla::hlo::Shape& shape,
                                                                 const std::string& name) {
  IX_ASSIGN_OR_RETURN(auto allocation, allocate(rank, shape, name));
  IX_RETURN_IF_ERROR(allocation->fill_with_zeros());
  return std::unique_ptr<xla::DeviceTensor>(std::make_unique<NeuronTensor>(std::move(allocation)));
}

Result<std::unique_ptr<xla::Upload>> NeuronRuntime::upload(int rank, const xla::hlo::Shape& shape,
                                                           const std::string& name) {
  IX_ASSIGN_OR_RETURN(auto allocation, allocate(rank, shape, name));
  return std::unique_ptr<xla::Upload>(std::make_unique<NeuronUpload>(std::move(allocation)));
}

NeuronTensor* NeuronRuntime::ours(xla::DeviceTensor* tensor) const {
  auto* found = dynamic_cast<NeuronTensor*>(tensor);
  return found != nullptr && found->allocation()->session() == session_.get() ? found : nullptr;
}

Status NeuronRuntime::write(xla::DeviceTensor& tensor, std::span<const std::byte> bytes) {
  IX_RETURN_IF_ERROR(session_->alive());
  NeuronTensor* target = ours(&tensor);
  if (target == nullptr) return invalid_argument("write to a tensor of another runtime");
  const std::shared_ptr<Allocation>& allocation = target->allocation();
  if (bytes.size() != allocation->size()) {
    return invalid_argument(fmt::format("{} has {} bytes, not {}", allocation->name(),
                                        allocation->size(), bytes.size()));
  }
  bool idle = false;
  {
    const std::lock_guard lock(progress_->mutex);
    idle = progress_->finished[target->rank()] >= target->last_job();
  }
  return idle ? allocation->write(0, bytes) : write_in_turn(*target, bytes);
}

// Behind the executions that use the tensor. Nobody waits for its result, so a failure ends the
// session: a step would run on the wrong input.
Status NeuronRuntime::write_in_turn(NeuronTensor& tensor, std::span<const std::byte> bytes) {
  const int rank = tensor.rank();
  tensor.set_last_job(++posted_[rank]);
  cores_.post(rank, [session = session_, progress = progress_, allocation = tensor.allocation(),
                     copy = std::vector<std::byte>(bytes.begin(), bytes.end()), rank] {
    if (session->alive().ok()) {
      const Status written = allocation->write(0, copy);
      if (!written.ok()) session->die(written);
    }
    const std::lock_guard lock(progress->mutex);
    ++progress->finished[rank];
  });
  return ok_status();
}

Status NeuronRuntime::check_binding(const NeuronProgram& program, int rank,
                                    const xla::RankBinding& binding) const {
  const xla::hlo::Module& module = program.module();
  const auto check_side = [&](const std::vector<xla::DeviceTensor*>& tensors,
                              const std::vector<xla::hlo::NamedShape>& wanted,
                              const char* side) -> Status {
    if (tensors.size() != wanted.size()) {
      return invalid_argument(
          fmt::format("{} takes {} {}s, not {}", module.name, wanted.size(), side, tensors.size()));
    }
    for (size_t i = 0; i < wanted.size(); ++i) {
      const NeuronTensor* tensor = ours(tensors[i]);
      if (tensor == nullptr || tensor->rank() != rank) {
        return invalid_argument(fmt::format("{}: {} {} is not a tensor on core {}", module.name,
                                            side, wanted[i].name, rank));
      }
      if (tensor->shape() != wanted[i].shape) {
        return invalid_argument(fmt::format("{}: {} {} is {}, not {}", module.name, side,
                                            wanted[i].name, to_text(wanted[i].shape),
                                            to_text(tensor->shape())));
      }
    }
    return ok_status();
  };
  IX_RETURN_IF_ERROR(check_side(binding.inputs, module.parameters, "input"));
  IX_RETURN_IF_ERROR(check_side(binding.outputs, module.outputs, "output"));
  for (size_t i = 0; i < binding.outputs.size(); ++i) {
    const auto alias =
        std::ranges::find(module.aliases, static_cast<int32_t>(i), &xla::hlo::Alias::output);
    if (alias != module.aliases.end()) {
      if (binding.outputs[i] != binding.inputs[alias->parameter]) {
        return invalid_argument(fmt::format("{}: output {} must be the tensor of input {}",
                                            module.name, module.outputs[i].name,
                                            module.parameters[alias->parameter].name));
      }
      continue;
    }
    if (std::ranges::count(binding.outputs, binding.outputs[i]) > 1 ||
        std::ranges::count(binding.inputs, binding.outputs[i]) > 0) {
      return invalid_argument(fmt::format("{}: output {} must be a tensor of its own", module.name,
                                          module.outputs[i].name));
    }
  }
  return ok_status();
}

Result<SetPair> NeuronRuntime::bind(const NeuronProgram& program, int rank,
                                    const xla::RankBinding& binding) {
  IX_RETURN_IF_ERROR(check_binding(program, rank, binding));
  const auto handles = [&](const std::vector<xla::DeviceTensor*>& tensors) {
    std::vector<nrt::Tensor*> found;
    found.reserve(tensors.size());
    for (xla::DeviceTensor* tensor : tensors) found.push_back(ours(tensor)->allocation()->tensor());
    return found;
  };
  return sets_->get(program.model(rank), program.names(), handles(binding.inputs),
                    handles(binding.outputs));
}

Result<Ticket> NeuronRuntime::execute(xla::Program& program,
                                      std::span<const xla::RankBinding> bindings) {
  IX_RETURN_IF_ERROR(session_->alive());
  const auto* loaded = dynamic_cast<const NeuronProgram*>(&program);
  if (loaded == nullptr || loaded->session() != session_.get()) {
    return invalid_argument("a program of another runtime cannot be executed here");
  }
  if (static_cast<int>(bindings.size()) != ranks()) {
    return invalid_argument(fmt::format("{} runs on {} cores and was given tensors of {}",
                                        loaded->module().name, ranks(), bindings.size()));
  }
  const auto execution = std::make_shared<Execution>();
  execution->program = loaded->module().name;
  execution->statuses.resize(ranks());
  for (int rank = 0; rank < ranks(); ++rank) {
    IX_ASSIGN_OR_RETURN(const SetPair sets, bind(*loaded, rank, bindings[rank]));
    execution->sets.push_back(sets);
    execution->models.push_back(loaded->model(rank));
  }
  for (int rank = 0; rank < ranks(); ++rank) {
    ++posted_[rank];
    for (const auto* side : {&bindings[rank].inputs, &bindings[rank].outputs}) {
      for (xla::DeviceTensor* tensor : *side) ours(tensor)->set_last_job(posted_[rank]);
    }
  }
  execution->ticket = ++last_ticket_;
  pending_.push_back(execution);
  cores_.post_all([session = session_, progress = progress_, execution](int rank) {
    Status status = session->alive();
    if (status.ok()) {
      const SetPair& sets = execution->sets[rank];
      status =
          session->call(fmt::format("nrt_execute of {} on core {}", execution->program, rank), [&] {
            return session->nrt().execute(execution->models[rank], sets.inputs, sets.outputs);
          });
    }
    {
      const std::lock_guard lock(progress->mutex);
      execution->statuses[rank] = std::move(status);
      ++progress->finished[rank];
    }
    progress->changed.notify_all();
  });
  return execution->ticket;
}

Status NeuronRuntime::wait(Ticket ticket, Deadline deadline) {
  if (pending_.empty() || pending_.front()->ticket != ticket) {
    return invalid_argument(
        fmt::format("ticket {} is not the oldest one that was not waited for", ticket));
  }
  const std::shared_ptr<Execution> execution = pending_.front();
  if (session_->left_behind()) {
    pending_.pop_front();
    return session_->alive();
  }
  RankStatuses statuses;
  {
    std::unique_lock lock(progress_->mutex);
    // Those before it were waited for, so it runs now.
    const auto until = std::min(deadline, Clock::now() + execution_limit_);
    progress_->changed.wait_until(lock, until,
                                  [&] { return execution->ended() || execution->failed(); });
    if (!execution->ended() && execution->failed()) {
      progress_->changed.wait_for(lock, kGrace, [&] { return execution->ended(); });
    }
    statuses = execution->statuses;
  }
  pending_.pop_front();
  Status status = settle(*session_, statuses, fmt::format("nrt_execute of {}", execution->program));
  IX_RETURN_IF_ERROR(session_->alive());
  if (status.ok()) status = execution->poison;
  if (!status.ok()) fail_queued(status);
  return status;
}

void NeuronRuntime::fail_queued(const Status& failure) {
  for (const auto& queued : pending_) {
    if (queued->poison.ok()) queued->poison = failure.with_context("an earlier step failed");
  }
}

Status NeuronRuntime::read(const xla::DeviceTensor& tensor, std::span<std::byte> bytes) {
  IX_RETURN_IF_ERROR(session_->alive());
  const NeuronTensor* source = ours(const_cast<xla::DeviceTensor*>(&tensor));
  if (source == nullptr) return invalid_argument("read of a tensor of another runtime");
  const Allocation& allocation = *source->allocation();
  if (bytes.size() != allocation.size()) {
    return invalid_argument(
        fmt::format("{} has {} bytes, not {}", allocation.name(), allocation.size(), bytes.size()));
  }
  return allocation.read(bytes);
}

Health NeuronRuntime::health() const {
  const Status status = session_->alive();
  return {status.ok() ? HealthState::ok : HealthState::dead, status};
}

std::string NeuronRuntime::description() const {
  return fmt::format("neuron, {} core{}, libnrt {}", ranks(), ranks() == 1 ? "" : "s",
                     session_->library().version_text());
}

}  // namespace ix::backend::neuron
