// One thread a NeuronCore. Calls of libnrt that may block run there, so that nobody waits for them
// longer than he wants to.
#pragma once

#include <chrono>
#include <functional>
#include <memory>
#include <mutex>
#include <optional>
#include <vector>

#include "backend/executor.h"
#include "base/status.h"

namespace ix::backend::neuron {

// What one job a core gave, in the order of ranks; nothing = it has not ended.
using RankStatuses = std::vector<std::optional<Status>>;

class Cores {
 public:
  explicit Cores(int ranks);
  // stop() comes first.
  ~Cores();
  Cores(const Cores&) = delete;
  Cores& operator=(const Cores&) = delete;

  int ranks() const { return static_cast<int>(workers_.size()); }

  void post(int rank, std::function<void()> job);
  // job(rank) on every core. The jobs of one call lie in the same order relative to those of other
  // calls on all cores: programs with collectives would wait for each other for ever otherwise.
  void post_all(const std::function<void(int rank)>& job);

  // post_all, and waits: until all have ended, the time is up, or `grace` after the first failure.
  // What the jobs refer to must live as long as they may run.
  RankStatuses run_all(const std::function<Status(int rank)>& job,
                       std::chrono::steady_clock::duration limit,
                       std::chrono::steady_clock::duration grace);
  // The same on one core.
  std::optional<Status> run(int rank, const std::function<Status()>& job,
                            std::chrono::steady_clock::duration limit);

  // Ends the threads when their jobs are done. False where one is still in a job at the deadline:
  // such a thread is left behind.
  bool stop(Deadline deadline);

 private:
  class Worker;
  struct Outcome;

  std::mutex order_;  // of jobs on different cores
  std::vector<std::unique_ptr<Worker>> workers_;
};

}  // namespace ix::backend::neuron
