#include "backend/xla/gemm/device_queue.h"

#include <fmt/format.h>

#include <algorithm>
#include <exception>
#include <new>
#include <utility>

namespace ix::backend::xla {
namespace {

using Clock = std::chrono::steady_clock;

Status closed() { return {StatusCode::unavailable, "the device is being closed"}; }

// The thread's wall: nothing that is thrown on it leaves it.
template <typename F>
Status caught(F&& work) {
  try {
    return work();
  } catch (const std::bad_alloc&) {
    return {StatusCode::resource_exhausted, "out of memory"};
  } catch (const std::exception& error) {
    return {StatusCode::internal, error.what()};
  }
}

}  // namespace

DeviceQueue::DeviceQueue(Runtime& runtime, Clock::duration limit)
    : runtime_(runtime), limit_(limit) {
  in_flight_.reserve(kMostInFlight);  // what has started is never lost for lack of memory
  thread_ = std::thread([this] { serve(); });
}

std::future<Status> DeviceQueue::post(Execution execution) {
  auto job = std::make_unique<Job>();
  job->execution = std::move(execution);
  std::future<Status> done = job->done.get_future();
  const std::lock_guard lock(mutex_);
  if (closing_) {
    job->done.set_value(closed());
    return done;
  }
  waiting_.push_back(std::move(job));
  changed_.notify_all();
  return done;
}

void DeviceQueue::trim() {
  std::future<void> done;
  {
    const std::lock_guard lock(mutex_);
    if (closing_) return;
    done = trims_.emplace_back().get_future();
    changed_.notify_all();
  }
  done.get();
}

void DeviceQueue::close() {
  {
    const std::lock_guard lock(mutex_);
    closing_ = true;
    changed_.notify_all();
  }
  if (thread_.joinable()) thread_.join();
}

void DeviceQueue::serve() {
  for (;;) {
    std::deque<std::unique_ptr<Job>> refused;
    std::vector<std::promise<void>> trims;
    bool closing = false;
    {
      std::unique_lock lock(mutex_);
      changed_.wait(lock, [this] {
        return closing_ || !waiting_.empty() || !trims_.empty() || !in_flight_.empty();
      });
      closing = closing_;
      if (closing) refused.swap(waiting_);
      trims.swap(trims_);
    }
    for (const auto& job : refused) finish(*job, closed());
    if (!trims.empty()) idle_.clear();
    for (std::promise<void>& trim : trims) trim.set_value();
    if (auto job = take()) {
      start(std::move(job));
    } else if (!in_flight_.empty()) {
      end_oldest();
    } else if (closing) {
      break;
    }
  }
  idle_.clear();
}

std::unique_ptr<DeviceQueue::Job> DeviceQueue::take() {
  const std::lock_guard lock(mutex_);
  if (closing_ || waiting_.empty() || in_flight_.size() == kMostInFlight) return nullptr;
  std::unique_ptr<Job> job = std::move(waiting_.front());
  waiting_.pop_front();
  return job;
}

void DeviceQueue::start(std::unique_ptr<Job> job) {
  Status status = caught([&] { return execute(*job); });
  if (status.ok()) {
    in_flight_.push_back(std::move(job));
  } else {
    finish(*job, std::move(status));
  }
}

Status DeviceQueue::execute(Job& job) {
  if (job.lane == nullptr) IX_RETURN_IF_ERROR(make_lane(job));
  const std::vector<Execution::Rank>& ranks = job.execution.ranks;
  std::vector<RankBinding> bindings(ranks.size());
  for (size_t rank = 0; rank < ranks.size(); ++rank) {
    bindings[rank].inputs = ranks[rank].resident;
    const Tensors& inputs = job.lane->inputs[rank];
    for (size_t i = 0; i < inputs.size(); ++i) {
      const std::span<const std::byte> bytes = ranks[rank].inputs[i];
      if (!bytes.empty()) IX_RETURN_IF_ERROR(runtime_.write(*inputs[i], bytes));
      bindings[rank].inputs.push_back(inputs[i].get());
    }
    for (const auto& output : job.lane->outputs[rank]) {
      bindings[rank].outputs.push_back(output.get());
    }
  }
  IX_ASSIGN_OR_RETURN(job.ticket, runtime_.execute(*job.execution.program, bindings));
  return ok_status();
}

Status DeviceQueue::make_lane(Job& job) {
  const Execution& execution = job.execution;
  auto& idle = idle_[execution.program];
  if (!idle.empty()) {
    job.lane = std::move(idle.back());
    idle.pop_back();
    return ok_status();
  }
  const hlo::Module& module = execution.program->module();
  const auto make = [&]() -> Result<std::unique_ptr<Lane>> {
    auto lane = std::make_unique<Lane>();
    for (size_t rank = 0; rank < execution.ranks.size(); ++rank) {
      const auto add = [&](Tensors& tensors, const hlo::NamedShape& wanted) -> Status {
        IX_ASSIGN_OR_RETURN(auto tensor,
                            runtime_.tensor(static_cast<int>(rank), wanted.shape,
                                            fmt::format("{} of {}", wanted.name, module.name)));
        tensors.push_back(std::move(tensor));
        return ok_status();
      };
      Tensors& inputs = lane->inputs.emplace_back();
      for (size_t i = execution.ranks[rank].resident.size(); i < module.parameters.size(); ++i) {
        IX_RETURN_IF_ERROR(add(inputs, module.parameters[i]));
      }
      Tensors& outputs = lane->outputs.emplace_back();
      for (const hlo::NamedShape& output : module.outputs) {
        IX_RETURN_IF_ERROR(add(outputs, output));
      }
    }
    return lane;
  };
  Result<std::unique_ptr<Lane>> lane = make();
  if (lane.status().code() == StatusCode::resource_exhausted) {
    idle_.clear();
    lane = make();
  }
  if (!lane.ok()) return lane.status();
  job.lane = *std::move(lane);
  return ok_status();
}

void DeviceQueue::end_oldest() {
  const std::unique_ptr<Job> job = std::move(in_flight_.front());
  in_flight_.erase(in_flight_.begin());
  Status status = runtime_.wait(job->ticket, Clock::now() + limit_);
  if (!status.ok()) {
    finish(*job, std::move(status));
    end_the_others();
    return;
  }
  // The devices have their next work before this one's results are copied.
  if (auto next = take()) start(std::move(next));
  finish(*job, caught([&] { return read(*job); }));
}

// What was in flight with an execution that failed. Nothing new starts until all of it has ended:
// the runtime would give that up as well.
void DeviceQueue::end_the_others() {
  std::vector<std::unique_ptr<Job>> again;
  for (std::unique_ptr<Job>& job : in_flight_) {
    Status status = runtime_.wait(job->ticket, Clock::now() + limit_);
    if (status.ok()) status = caught([&] { return read(*job); });
    const bool alive = runtime_.health().state != HealthState::dead;
    if (status.ok() || !alive || job->repeated) {
      finish(*job, std::move(status));
    } else {
      job->repeated = true;
      again.push_back(std::move(job));
    }
  }
  in_flight_.clear();
  const std::lock_guard lock(mutex_);
  std::move(again.rbegin(), again.rend(), std::front_inserter(waiting_));
}

Status DeviceQueue::read(const Job& job) {
  for (size_t rank = 0; rank < job.execution.ranks.size(); ++rank) {
    const std::vector<std::span<std::byte>>& outputs = job.execution.ranks[rank].outputs;
    for (size_t i = 0; i < outputs.size(); ++i) {
      if (outputs[i].empty()) continue;
      IX_RETURN_IF_ERROR(runtime_.read(*job.lane->outputs[rank][i], outputs[i]));
    }
  }
  return ok_status();
}

void DeviceQueue::finish(Job& job, Status status) {
  if (job.lane != nullptr) {
    // Without memory the lane is freed.
    static_cast<void>(caught([&] {
      idle_[job.execution.program].push_back(std::move(job.lane));
      return ok_status();
    }));
  }
  // Once dead, one status for all.
  const Health health = runtime_.health();
  if (!status.ok() && health.state == HealthState::dead) status = health.status;
  job.done.set_value(std::move(status));
}

}  // namespace ix::backend::xla
