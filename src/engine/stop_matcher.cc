#include "engine/stop_matcher.h"

#include <algorithm>
#include <utility>

namespace ix::engine {

StopMatcher::StopMatcher(std::vector<std::string> stops) : stops_(std::move(stops)) {}

size_t StopMatcher::reserve(size_t bytes) {
  size_t longest = 0;
  for (const std::string& stop : stops_) longest = std::max(longest, stop.size());
  pending_.reserve(longest + bytes);
  return longest + bytes;
}

bool StopMatcher::push(std::string_view text, std::string& out) {
  if (stopped_) return true;
  if (stops_.empty()) {
    out.append(text);
    return false;
  }
  for (const char c : text) {
    pending_.push_back(c);
    size_t longest = 0;
    for (const std::string& stop : stops_) {
      if (pending_.ends_with(stop)) longest = std::max(longest, stop.size());
    }
    if (longest > 0) {
      out.append(pending_, 0, pending_.size() - longest);
      pending_.clear();
      stopped_ = true;
      return true;
    }
  }
  const size_t clear = pending_.size() - held_bytes();
  out.append(pending_, 0, clear);
  pending_.erase(0, clear);
  return false;
}

void StopMatcher::finish(std::string& out) {
  out.append(pending_);
  pending_.clear();
}

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
