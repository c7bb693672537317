#include "backend/neuron/cores.h"

#include <algorithm>
#include <condition_variable>
#include <deque>
#include <thread>
#include <utility>

namespace ix::backend::neuron {

using Clock = std::chrono::steady_clock;

class Cores::Worker {
 public:
  Worker() : queue_(std::make_shared<Queue>()) {
    thread_ = std::thread([queue = queue_] { serve(*queue); });
  }
  Worker(const Worker&) = delete;
  Worker& operator=(const Worker&) = delete;
  ~Worker() { stop(kNoDeadline); }

  void post(std::function<void()> job) {
    {
      const std::lock_guard lock(queue_->mutex);
      queue_->jobs.push_back(std::move(job));
    }
    queue_->changed.notify_all();
  }

  void ask_to_stop() {
    {
      const std::lock_guard lock(queue_->mutex);
      queue_->stopping = true;
    }
    queue_->changed.notify_all();
  }

  bool stop(Deadline deadline) {
    if (!thread_.joinable()) return true;
    ask_to_stop();
    if (deadline != kNoDeadline) {
      std::unique_lock lock(queue_->mutex);
      if (!queue_->changed.wait_until(lock, deadline, [this] { return queue_->ended; })) {
        thread_.detach();
        return false;
      }
    }
    thread_.join();
    return true;
  }

 private:
  // Outlives the worker where its thread is left behind.
  struct Queue {
    std::mutex mutex;
    std::condition_variable changed;
    std::deque<std::function<void()>> jobs;
    bool stopping = false;
    bool ended = false;
  };

  static void serve(Queue& queue) {
    std::unique_lock lock(queue.mutex);
    for (;;) {
      queue.changed.wait(lock, [&] { return queue.stopping || !queue.jobs.empty(); });
      if (queue.jobs.empty()) break;
      std::function<void()> job = std::move(queue.jobs.front());
      queue.jobs.pop_front();
      lock.unlock();
      job();
      job = nullptr;  // what it holds goes before the lock is taken again
      lock.lock();
    }
    queue.ended = true;
    queue.changed.notify_all();
  }

  std::shared_ptr<Queue> queue_;
  std::thread thread_;
};

// Shared by the jobs of one run_all and its caller.
struct Cores::Outcome {
  explicit Outcome(size_t count) : statuses(count), left(count) {}

  void set(size_t index, Status status) {
    {
      const std::lock_guard lock(mutex);
      failed = failed || !status.ok();
      statuses[index] = std::move(status);
      --left;
    }
    changed.notify_all();
  }

  RankStatuses wait(Clock::duration limit, Clock::duration grace) {
    std::unique_lock lock(mutex);
    changed.wait_for(lock, limit, [this] { return left == 0 || failed; });
    if (left != 0 && failed) changed.wait_for(lock, grace, [this] { return left == 0; });
    return statuses;
  }

  std::mutex mutex;
  std::condition_variable changed;
  RankStatuses statuses;
  size_t left;
  bool failed = false;
};

Cores::Cores(int ranks) {
  for (int rank = 0; rank < ranks; ++rank) workers_.push_back(std::make_unique<Worker>());
}

Cores::~Cores() = default;

void Cores::post(int rank, std::function<void()> job) {
  const std::lock_guard lock(order_);
  workers_[rank]->post(std::move(job));
}

void Cores::post_all(const std::function<void(int rank)>& job) {
  const std::lock_guard lock(order_);
  for (int rank = 0; rank < ranks(); ++rank) {
    workers_[rank]->post([job, rank] { job(rank); });
  }
}

RankStatuses Cores::run_all(const std::function<Status(int rank)>& job, Clock::duration limit,
                            Clock::duration grace) {
  const auto outcome = std::make_shared<Outcome>(workers_.size());
  post_all([job, outcome](int rank) { outcome->set(rank, job(rank)); });
  return outcome->wait(limit, grace);
}

std::optional<Status> Cores::run(int rank, const std::function<Status()>& job,
                                 Clock::duration limit) {
  const auto outcome = std::make_shared<Outcome>(1);
  post(rank, [job, outcome] { outcome->set(0, job()); });
  return outcome->wait(limit, Clock::duration::zero()).front();
}

bool Cores::stop(Deadline deadline) {
  for (const auto& worker : workers_) worker->ask_to_stop();
  return std::ranges::count_if(workers_,
                               [&](const auto& worker) { return !worker->stop(deadline); }) == 0;
}

}  // namespace ix::backend::neuron
