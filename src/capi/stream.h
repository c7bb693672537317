// A queue of work with a thread of its own: first in, first out.
#pragma once

#include <condition_variable>
#include <cstdint>
#include <deque>
#include <functional>
#include <memory>
#include <mutex>
#include <thread>

#include "base/result.h"

namespace ix::capi {

class Stream {
 public:
  using Work = std::function<Status()>;

  // threads: what work of this stream wants to run on; 0: all. Throws std::system_error where no
  // thread can be started.
  explicit Stream(int threads);
  ~Stream();
  Stream(const Stream&) = delete;
  Stream& operator=(const Stream&) = delete;

  int threads() const { return threads_; }

  // invalid_argument once it is being closed. Work that throws counts as failed.
  Status enqueue(Work work);

  // Waits for all work that was queued before; the first failure since the last time, or ok.
  Status synchronize();

  enum class Pending { finish, drop };
  // Ends the thread once the work that runs, and with `finish` all that is queued, has ended; the
  // first failure or ok. Safe to call twice, but not by two threads at once.
  Status close(Pending pending);

 private:
  void run();

  const int threads_;
  std::mutex mutex_;
  std::condition_variable changed_;
  std::deque<Work> queue_;
  uint64_t queued_ = 0;
  uint64_t ended_ = 0;
  bool closing_ = false;
  Status failure_;
  std::thread thread_;
};

}  // namespace ix::capi
