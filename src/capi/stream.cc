#include "capi/stream.h"

#include <utility>

#include "capi/last_error.h"

namespace ix::capi {

Stream::Stream(int threads) : threads_(threads), thread_([this] { run(); }) {}

Stream::~Stream() { (void)close(Pending::drop); }

Status Stream::enqueue(Work work) {
  const std::lock_guard lock(mutex_);
  if (closing_) return invalid_argument("the stream is being destroyed");
  queue_.push_back(std::move(work));
  ++queued_;
  changed_.notify_all();
  return ok_status();
}

Status Stream::synchronize() {
  std::unique_lock lock(mutex_);
  changed_.wait(lock, [this, until = queued_] { return ended_ >= until; });
  return std::exchange(failure_, Status());
}

Status Stream::close(Pending pending) {
  {
    const std::lock_guard lock(mutex_);
    closing_ = true;
    if (pending == Pending::drop) {
      ended_ += queue_.size();
      queue_.clear();
    }
    changed_.notify_all();
  }
  if (thread_.joinable()) thread_.join();
  return synchronize();
}

void Stream::run() {
  std::unique_lock lock(mutex_);
  for (;;) {
    changed_.wait(lock, [this] { return closing_ || !queue_.empty(); });
    if (queue_.empty()) return;
    Work work = std::move(queue_.front());
    queue_.pop_front();
    lock.unlock();
    Status status = without_exceptions(work);
    work = nullptr;
    lock.lock();
    if (failure_.ok()) failure_ = std::move(status);
    ++ended_;
    changed_.notify_all();
  }
}

}  // namespace ix::capi
