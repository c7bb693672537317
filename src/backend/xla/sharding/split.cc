#include "backend/xla/sharding/split.h"

#include "base/check.h"
#include "base/checked_math.h"

namespace ix::backend::xla {
namespace {

// How many heads a rank holds.
struct HeadCounts {
  int64_t kv;     // KV heads of a rank
  int64_t group;  // query heads of each of them
};

// Each of kv_heads is cut into pieces of at most `group` query heads; a rank takes `kv` pieces.
HeadCounts fewest_weights(int64_t heads_per_kv, int64_t kv_heads, int64_t ranks) {
  HeadCounts best{};
  for (int64_t group = heads_per_kv; group >= 1; --group) {
    const int64_t pieces = kv_heads * ceil_div(heads_per_kv, group);
    const HeadCounts counts{.kv = ceil_div(pieces, ranks), .group = group};
    const int64_t weights = counts.kv * (counts.group + 1);
    const int64_t best_weights = best.kv * (best.group + 1);
    if (best.kv == 0 || weights < best_weights ||
        (weights == best_weights && counts.kv < best.kv)) {
      best = counts;
    }
  }
  return best;
}

}  // namespace

double Split::waste_percent() const {
  const int64_t held = static_cast<int64_t>(ranks.size()) * local_units();
  return 100.0 * static_cast<double>(held - units) / static_cast<double>(units);
}

Split split_evenly(int64_t units, int ranks) {
  IX_CHECK(units >= 1 && ranks >= 1);
  const int64_t local = ceil_div(units, int64_t{ranks});
  Split split{.units = units, .ranks = {}};
  for (int64_t rank = 0; rank < ranks; ++rank) {
    auto& held = split.ranks.emplace_back(static_cast<size_t>(local), kPad);
    for (int64_t i = 0; i < local && rank * local + i < units; ++i) {
      held[static_cast<size_t>(i)] = static_cast<int32_t>(rank * local + i);
    }
  }
  return split;
}

HeadSplit split_heads(int64_t heads, int64_t kv_heads, int ranks) {
  IX_CHECK(kv_heads >= 1 && heads >= 1 && heads % kv_heads == 0 && ranks >= 1);
  const int64_t heads_per_kv = heads / kv_heads;
  const HeadCounts counts = fewest_weights(heads_per_kv, kv_heads, ranks);
  HeadSplit split{.query = {.units = heads, .ranks = {}}, .kv = {.units = kv_heads, .ranks = {}}};
  int64_t kv_head = 0;  // of the next piece
  int64_t taken = 0;    // query heads of kv_head in pieces before
  for (int rank = 0; rank < ranks; ++rank) {
    auto& query = split.query.ranks.emplace_back();
    auto& kv = split.kv.ranks.emplace_back();
    for (int64_t piece = 0; piece < counts.kv; ++piece) {
      kv.push_back(kv_head < kv_heads ? static_cast<int32_t>(kv_head) : kPad);
      for (int64_t i = 0; i < counts.group; ++i) {
        const bool real = kv_head < kv_heads && taken + i < heads_per_kv;
        query.push_back(real ? static_cast<int32_t>(kv_head * heads_per_kv + taken + i) : kPad);
      }
      taken += counts.group;
      if (taken >= heads_per_kv) {
        ++kv_head;
        taken = 0;
      }
    }
  }
  return split;
}

}  // namespace ix::backend::xla
