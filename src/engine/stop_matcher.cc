#include "engine/stop_matcher.h"

#include <algorithm>
#include <utility>

namespace ix::engine {

StopMatcher::StopMatcher(std::vector<std::string> stops) : stops_(std::move(stops)) {}

StopMatcher::Output StopMatcher::push(std::string_view text) {
  if (stopped_) return {{}, true};
  if (stops_.empty()) return {std::string(text), false};
  for (const char c : text) {
    pending_.push_back(c);
    size_t longest = 0;
    for (const std::string& stop : stops_) {
      if (pending_.ends_with(stop)) longest = std::max(longest, stop.size());
    }
    if (longest > 0) {
      pending_.resize(pending_.size() - longest);
      stopped_ = true;
      return {std::exchange(pending_, {}), true};
    }
  }
  const size_t held = held_bytes();
  std::string out = pending_.substr(0, pending_.size() - held);
  pending_.erase(0, out.size());
  return {std::move(out), false};
}

std::string StopMatcher::finish() { return std::exchange(pending_, {}); }

// Length of the longest end of pending_ that begins a stop string.
size_t StopMatcher::held_bytes() const {
  const std::string_view pending = pending_;
  size_t held = 0;
  for (const std::string& stop : stops_) {
    for (size_t n = std::min(stop.size() - 1, pending.size()); n > held; --n) {
      if (pending.substr(pending.size() - n) == std::string_view(stop).substr(0, n)) held = n;
    }
  }
  return held;
}

}  // namespace ix::engine
