// How columns, heads and rows of weights are dealt to the ranks of a tensor-parallel group.
#pragma once

#include <cstdint>
#include <vector>

#include "backend/xla/padding.h"

namespace ix::backend::xla {

// Units (heads, columns) in the order in which each rank holds them; all ranks hold as many.
struct Split {
  int64_t units = 0;                        // of the model
  std::vector<std::vector<int32_t>> ranks;  // [ranks][local units]: a unit or kPad

  int64_t local_units() const { return static_cast<int64_t>(ranks.front().size()); }

  // What all ranks hold beyond one copy of every unit, in per cent of one copy.
  double waste_percent() const;

  bool operator==(const Split&) const = default;
};

// The first ceil(units / ranks) units on rank 0, the next on rank 1; padding at the end.
Split split_evenly(int64_t units, int ranks);

// Query head h reads KV head h / (heads / kv_heads). Each rank holds `local` KV heads and for each
// of them the same number of query heads, which lie together: KV head i of a rank serves its query
// heads [i * group, (i + 1) * group). Every query head is on one rank; a KV head is on every rank
// that has one of its query heads.
struct HeadSplit {
  Split query;
  Split kv;

  int64_t group() const { return query.local_units() / kv.local_units(); }

  bool operator==(const HeadSplit&) const = default;
};

// The split with the fewest weights on a rank: a query head has a column of q and a row of the
// output projection, a KV head a column of k and of v. Among equals the one with the fewest KV
// heads, which is the smallest cache. heads is a multiple of kv_heads.
HeadSplit split_heads(int64_t heads, int64_t kv_heads, int ranks);

}  // namespace ix::backend::xla
