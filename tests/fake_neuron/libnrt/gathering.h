// Ranks that must all arrive before any goes on, as those of a collective do.
#pragma once

#include <chrono>
#include <condition_variable>
#include <functional>
#include <list>
#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <string>

namespace ix::fake_nrt {

// What each rank brings (Item), and what all of them get. A rank that comes again before the others
// came joins the next meeting: the order of calls pairs them, as on the device.
template <typename Item>
class Gathering {
 public:
  // `meet` is called by the rank that comes last, with everyone's items. Gives its answer to all;
  // nothing where the others did not come in time. No limit = waits for ever.
  template <typename Meet>
  std::optional<int> arrive(int rank, int ranks, Item item,
                            std::optional<std::chrono::steady_clock::duration> limit, Meet meet) {
    std::unique_lock lock(mutex_);
    const std::shared_ptr<Meeting> meeting = meeting_without(rank);
    meeting->items.emplace(rank, std::move(item));
    if (static_cast<int>(meeting->items.size()) == ranks) {
      meetings_.remove(meeting);
      lock.unlock();
      const int answer = meet(meeting->items);
      lock.lock();
      meeting->answer = answer;
      met_.notify_all();
      return answer;
    }
    const auto answered = [&] { return meeting->answer.has_value(); };
    if (!limit.has_value()) {
      met_.wait(lock, answered);
    } else if (!met_.wait_for(lock, *limit, answered)) {
      // Complete meetings are left to their last rank.
      if (static_cast<int>(meeting->items.size()) < ranks) {
        meetings_.remove(meeting);
        return std::nullopt;
      }
      met_.wait(lock, answered);
    }
    return meeting->answer;
  }

 private:
  struct Meeting {
    std::map<int, Item> items;  // by rank
    std::optional<int> answer;
  };

  std::shared_ptr<Meeting> meeting_without(int rank) {
    for (const auto& meeting : meetings_) {
      if (!meeting->items.contains(rank)) return meeting;
    }
    meetings_.push_back(std::make_shared<Meeting>());
    return meetings_.back();
  }

  std::mutex mutex_;
  std::condition_variable met_;
  std::list<std::shared_ptr<Meeting>> meetings_;
};

}  // namespace ix::fake_nrt
