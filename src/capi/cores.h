// The CPU's threads, lent to calls that run side by side.
//
// A call gets the threads that are free, up to what it wants; where none is, it runs on its own
// thread alone. So one call has the whole machine, and many share it without waiting for each
// other.
#pragma once

#include <condition_variable>
#include <memory>
#include <mutex>
#include <vector>

#include "backend/cpu/gemm_columns.h"
#include "base/result.h"
#include "base/thread_pool.h"

namespace ix::capi {

class Cores {
 public:
  explicit Cores(int threads) : threads_(threads), free_(threads) {}

  // Threads that work together, and the memory that their products need.
  struct Crew {
    explicit Crew(int threads) : pool(threads) {}
    ThreadPool pool;
    backend::cpu::GemmWorkspace workspace;
  };

  // Gives the crew back at its end.
  class Loan {
   public:
    Loan(Cores& cores, std::unique_ptr<Crew> crew) : cores_(&cores), crew_(std::move(crew)) {}
    Loan(Loan&&) = default;
    Loan& operator=(Loan&&) = delete;
    ~Loan() {
      if (crew_ != nullptr) cores_->give_back(std::move(crew_));
    }
    ThreadPool& pool() const { return crew_->pool; }
    backend::cpu::GemmWorkspace& workspace() const { return crew_->workspace; }

   private:
    Cores* cores_;
    std::unique_ptr<Crew> crew_;
  };

  int threads() const { return threads_; }

  // At most `most` threads (0: all), the caller's included. unavailable after shut_down(). Throws
  // where no thread can be started.
  Result<Loan> borrow(int most);

  // Waits for all loans to end and joins all threads.
  void shut_down();

 private:
  void give_back(std::unique_ptr<Crew> crew);

  const int threads_;
  std::mutex mutex_;
  std::condition_variable returned_;
  int free_;  // below zero where calls run beside a full house
  int loans_ = 0;
  bool closed_ = false;
  std::vector<std::unique_ptr<Crew>> idle_;  // of threads_ threads together at most
};

}  // namespace ix::capi
