// The heart of both SPM and BPE: neighbouring symbols of a text are joined, the best pair first and
// the leftmost of equals, until no pair can be joined. O(n log n) for n symbols.
#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <vector>

namespace ix::tokenizer {

struct Symbol {
  uint32_t begin;  // its first byte within the text; it ends where the next one begins
  uint32_t id;     // what the caller's rules know it by
};

// What a pair of neighbours becomes.
struct Joined {
  static constexpr uint32_t kNever = UINT32_MAX;
  uint32_t order = kNever;  // lower is joined earlier; kNever: these two are not joined
  uint32_t id = 0;
};

// Buffers are kept between calls; one merger a thread.
class SymbolMerger {
 public:
  static constexpr uint32_t kMaxSymbols = 1u << 29;  // of at most 4 bytes each

  // Joins symbols of a text of size bytes in place. rule(left, right, end) -> Joined, where end is
  // the end of right; the answer depends on nothing but its arguments. At most kMaxSymbols.
  template <typename Rule>
  void merge(std::vector<Symbol>& symbols, uint32_t size, const Rule& rule) {
    if (symbols.size() <= kFew) {
      merge_few(symbols, size, rule);
    } else {
      merge_many(symbols, size, rule);
    }
  }

 private:
  // Up to here looking at every pair again is quicker than a heap.
  static constexpr size_t kFew = 32;
  static constexpr uint32_t kNone = UINT32_MAX;

  template <typename Rule>
  void merge_few(std::vector<Symbol>& symbols, uint32_t size, const Rule& rule) {
    Joined joined[kFew];  // joined[i]: symbols i and i + 1
    const auto look = [&](size_t i) {
      const uint32_t end = i + 2 < symbols.size() ? symbols[i + 2].begin : size;
      joined[i] = rule(symbols[i], symbols[i + 1], end);
    };
    for (size_t i = 0; i + 1 < symbols.size(); ++i) look(i);
    while (symbols.size() > 1) {
      const size_t pairs = symbols.size() - 1;
      size_t best = 0;
      for (size_t i = 1; i < pairs; ++i) {
        if (joined[i].order < joined[best].order) best = i;
      }
      if (joined[best].order == Joined::kNever) return;
      symbols[best].id = joined[best].id;
      symbols.erase(symbols.begin() + static_cast<ptrdiff_t>(best) + 1);
      std::copy(joined + best + 1, joined + pairs, joined + best);
      if (best > 0) look(best - 1);
      if (best + 1 < symbols.size()) look(best);
    }
  }

  struct Link {
    uint32_t previous;
    uint32_t next;
    Joined joined;  // with next
  };

  template <typename Rule>
  void merge_many(std::vector<Symbol>& symbols, uint32_t size, const Rule& rule) {
    const auto count = static_cast<uint32_t>(symbols.size());
    links_.resize(count);
    heap_.clear();
    // A heap entry is (order, index of the left symbol). It is stale unless the pair at that index
    // still has that order.
    const auto look = [&](uint32_t i) {
      Link& link = links_[i];
      link.joined = Joined{};
      if (link.next == kNone) return false;
      const uint32_t after = links_[link.next].next;
      link.joined =
          rule(symbols[i], symbols[link.next], after == kNone ? size : symbols[after].begin);
      return link.joined.order != Joined::kNever;
    };
    const auto entry = [&](uint32_t i) { return uint64_t{links_[i].joined.order} << 32 | i; };
    for (uint32_t i = 0; i < count; ++i) {
      links_[i] = {i == 0 ? kNone : i - 1, i + 1 == count ? kNone : i + 1, {}};
    }
    for (uint32_t i = 0; i < count; ++i) {
      if (look(i)) heap_.push_back(entry(i));
    }
    std::make_heap(heap_.begin(), heap_.end(), std::greater<>());
    const auto push = [&](uint32_t i) {
      heap_.push_back(entry(i));
      std::push_heap(heap_.begin(), heap_.end(), std::greater<>());
    };
    while (!heap_.empty()) {
      const uint64_t top = heap_.front();
      std::pop_heap(heap_.begin(), heap_.end(), std::greater<>());
      heap_.pop_back();
      const auto left = static_cast<uint32_t>(top);
      Link& link = links_[left];
      if (link.joined.order != top >> 32) continue;
      const uint32_t right = link.next;
      symbols[left].id = link.joined.id;
      link.next = links_[right].next;
      if (link.next != kNone) links_[link.next].previous = left;
      links_[right].joined = Joined{};  // gone: its entries are stale
      if (link.previous != kNone && look(link.previous)) push(link.previous);
      if (look(left)) push(left);
    }
    uint32_t kept = 0;
    for (uint32_t i = 0; i != kNone; i = links_[i].next) symbols[kept++] = symbols[i];
    symbols.resize(kept);
  }

  std::vector<Link> links_;
  std::vector<uint64_t> heap_;
};

}  // namespace ix::tokenizer
