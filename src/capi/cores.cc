#include "capi/cores.h"

#include <algorithm>
#include <utility>

namespace ix::capi {

Result<Cores::Loan> Cores::borrow(int most) {
  int granted = 0;
  std::unique_ptr<Crew> crew;
  {
    const std::lock_guard lock(mutex_);
    if (closed_) return Status(StatusCode::unavailable, "the library is being unloaded");
    granted = std::clamp(free_, 1, most > 0 ? std::min(most, threads_) : threads_);
    const auto found = std::find_if(idle_.begin(), idle_.end(), [granted](const auto& idle) {
      return idle->pool.threads() == granted;
    });
    if (found != idle_.end()) {
      crew = std::move(*found);
      idle_.erase(found);
    }
    free_ -= granted;
    ++loans_;
  }
  if (crew == nullptr) {
    try {
      crew = std::make_unique<Crew>(granted);
    } catch (...) {
      const std::lock_guard lock(mutex_);
      free_ += granted;
      --loans_;
      returned_.notify_all();
      throw;
    }
  }
  return Loan(*this, std::move(crew));
}

void Cores::give_back(std::unique_ptr<Crew> crew) {
  std::vector<std::unique_ptr<Crew>> surplus;  // joined after the lock
  const std::lock_guard lock(mutex_);
  free_ += crew->pool.threads();
  --loans_;
  idle_.push_back(std::move(crew));
  int threads = 0;
  for (const auto& idle : idle_) threads += idle->pool.threads();
  while (threads > threads_) {
    threads -= idle_.front()->pool.threads();
    surplus.push_back(std::move(idle_.front()));
    idle_.erase(idle_.begin());
  }
  returned_.notify_all();
}

void Cores::shut_down() {
  std::vector<std::unique_ptr<Crew>> all;
  std::unique_lock lock(mutex_);
  closed_ = true;
  returned_.wait(lock, [this] { return loans_ == 0; });
  all.swap(idle_);
}

}  // namespace ix::capi
