// The one thread that executes programs, for callers on any thread.
#pragma once

#include <chrono>
#include <condition_variable>
#include <cstddef>
#include <deque>
#include <future>
#include <map>
#include <memory>
#include <mutex>
#include <span>
#include <thread>
#include <vector>

#include "backend/xla/runtime.h"

namespace ix::backend::xla {

// One execution of a program, and the host memory that it reads and writes, which lasts until the
// future is ready.
struct Execution {
  // What one rank gets and gives.
  struct Rank {
    std::vector<DeviceTensor*> resident;             // the first parameters
    std::vector<std::span<const std::byte>> inputs;  // the others; empty: whatever lies there
    std::vector<std::span<std::byte>> outputs;       // empty: not read
  };
  std::shared_ptr<Program> program;
  std::vector<Rank> ranks;  // [ranks of the runtime]
};

// Executions start in the order in which they were posted, up to kMostInFlight at once: while some
// run, the inputs of the next are written and the outputs of the last are read. One that fails
// fails alone, as long as the runtime lives: those that were in flight with it, which a runtime may
// give up too, run again.
class DeviceQueue {
 public:
  static constexpr size_t kMostInFlight = 4;

  // An execution that takes longer than `limit` leaves the runtime dead. Throws std::system_error
  // where no thread can be started. The runtime outlives the queue.
  DeviceQueue(Runtime& runtime, std::chrono::steady_clock::duration limit);
  ~DeviceQueue() { close(); }
  DeviceQueue(const DeviceQueue&) = delete;
  DeviceQueue& operator=(const DeviceQueue&) = delete;

  // The status is unavailable after close(), and the runtime's, always the same, once it is dead.
  std::future<Status> post(Execution execution);

  // Frees the devices' memory of inputs and outputs that no execution uses. Returns when it is
  // done.
  void trim();

  // What waits fails with unavailable, what runs ends; then the thread has ended and its tensors
  // are freed. Safe to call twice, but not by two threads at once.
  void close();

 private:
  using Tensors = std::vector<std::unique_ptr<DeviceTensor>>;
  // Inputs and outputs of one execution.
  struct Lane {
    std::vector<Tensors> inputs;   // [ranks]
    std::vector<Tensors> outputs;  // [ranks]
  };
  struct Job {
    Execution execution;
    std::promise<Status> done;
    std::unique_ptr<Lane> lane;
    Ticket ticket = 0;
    bool repeated = false;
  };

  void serve();
  // The oldest that waits, where another may start; else null.
  std::unique_ptr<Job> take();
  void start(std::unique_ptr<Job> job);
  Status execute(Job& job);
  Status make_lane(Job& job);
  void end_oldest();
  void end_the_others();
  Status read(const Job& job);
  void finish(Job& job, Status status);

  Runtime& runtime_;
  const std::chrono::steady_clock::duration limit_;

  std::mutex mutex_;
  std::condition_variable changed_;
  std::deque<std::unique_ptr<Job>> waiting_;
  std::vector<std::promise<void>> trims_;
  bool closing_ = false;

  // The thread's own.
  std::vector<std::unique_ptr<Job>> in_flight_;  // the oldest first
  std::map<std::shared_ptr<Program>, std::vector<std::unique_ptr<Lane>>> idle_;

  std::thread thread_;
};

}  // namespace ix::backend::xla
